#!/bin/sh
# Make this system one that can run the agent. Safe to run again; run as root.
#
#   install.sh [--sudo yes|no] [--start]
#
# --sudo   whether the job's user may use sudo without a password (default yes, as on GitHub's own machines)
# --start  bring the agent here now; without it (in an image) that waits for the machine's settings
#
# The units and programs are taken from the folder that holds this script.
set -eu
ROOT=${PADDOCK_ROOT:-} # for tests
HERE=$(cd "$(dirname "$0")" && pwd)
USER_NAME=runner
SUDO=yes
START=no

while [ $# -gt 0 ]; do
    case $1 in
    --sudo)
        SUDO=${2:-}
        [ "$SUDO" = yes ] || [ "$SUDO" = no ] || {
            echo "install.sh: --sudo: found '$SUDO', wanted yes or no" >&2
            exit 2
        }
        shift
        ;;
    --start) START=yes ;;
    *)
        echo "install.sh: found '$1', wanted --sudo yes|no or --start" >&2
        exit 2
        ;;
    esac
    shift
done

id -u "$USER_NAME" >/dev/null 2>&1 ||
    useradd --create-home --shell /bin/bash --comment "GitHub Actions jobs" "$USER_NAME"
if getent group docker >/dev/null; then usermod --append --groups docker "$USER_NAME"; fi

install -d -m 0755 "$ROOT/opt/paddock" "$ROOT/opt/paddock/libexec" "$ROOT/etc/sudoers.d"
install -d -m 0711 "$ROOT/var/lib/paddock"
install -d -m 0700 "$ROOT/etc/paddock"
install -d -m 0755 "$ROOT/etc/systemd/system"

for unit in "$HERE"/*.service "$HERE"/*.timer "$HERE"/*.path; do
    install -m 0644 "$unit" "$ROOT/etc/systemd/system/"
done
install -m 0755 "$HERE/power-off" "$HERE/guard-metadata" "$HERE/bootstrap.py" "$ROOT/opt/paddock/libexec/"

rule=$ROOT/etc/sudoers.d/90-paddock-runner
if [ "$SUDO" = yes ]; then
    # Written beside, checked, then moved: a broken file here would lock everybody out of sudo.
    (umask 0337 && echo "$USER_NAME ALL=(ALL) NOPASSWD:ALL" >"$ROOT/opt/paddock/sudoers.part")
    visudo -cqf "$ROOT/opt/paddock/sudoers.part"
    mv "$ROOT/opt/paddock/sudoers.part" "$rule"
else
    rm -f "$rule"
fi

# Packages that are upgraded while a job runs hold locks that the job wants.
systemctl --no-reload mask apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service >/dev/null 2>&1 || true
# A job that upgrades a library of the agent's must not get its own machine restarted under it.
install -d -m 0755 "$ROOT/etc/needrestart/conf.d"
# shellcheck disable=SC2016 # Perl's own sigil
echo '$nrconf{override_rc}{qr(^paddock-)} = 0;' >"$ROOT/etc/needrestart/conf.d/paddock.conf"
systemctl daemon-reload
systemctl enable paddock-deadline.timer paddock-unclaimed.timer paddock-bootstrap.path
if [ "$START" = yes ]; then
    systemctl stop apt-daily.timer apt-daily-upgrade.timer >/dev/null 2>&1 || true
    systemctl start --no-block paddock-deadline.timer paddock-unclaimed.timer
    systemctl start --no-block paddock-bootstrap.service
fi
