#!/bin/sh
# Turn a plain Ubuntu 24.04 into an image for Paddock's machines. Run as root by Packer, once.
set -eu
: "${ARCH:?x64 or arm64}" "${RUNNER_VERSION:?of actions/runner}"
export DEBIAN_FRONTEND=noninteractive

cloud-init status --wait >/dev/null || true

# Nothing may hold the package manager's lock while we, or later a job, want it.
systemctl disable --now apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service
systemctl mask apt-daily.service apt-daily-upgrade.service
apt-get -qq update
apt-get -qq upgrade -y
apt-get -qq install -y --no-install-recommends \
    docker.io docker-buildx docker-compose-v2 \
    git git-lfs openssh-client ca-certificates curl wget jq gnupg \
    build-essential pkg-config python3 python3-venv python3-pip \
    tar gzip bzip2 xz-utils zstd zip unzip rsync sudo acl nftables iproute2

# Snaps are unpacked and mounted on every first boot: seconds that no job should wait for.
snap list >/dev/null 2>&1 && apt-get -qq purge -y snapd
apt-get -qq purge -y unattended-upgrades update-notifier-common >/dev/null 2>&1 || true
rm -rf /var/cache/snapd /root/snap /home/ubuntu/snap

# The job's user, directories, units.
sh /tmp/paddock-machine/install.sh --sudo yes
install -m 0755 /tmp/paddock-agent.pyz /opt/paddock/agent.pyz
install -m 0755 /tmp/check_image.py /opt/paddock/libexec/check_image.py

# The runner, its digest vouched for by two places, and its native libraries.
python3 -I /tmp/bake_runner.py --version "$RUNNER_VERSION" --arch "$ARCH" --sha256 "${RUNNER_SHA256:-}" \
    --directory /opt/paddock/runner
/opt/paddock/runner/bin/installdependencies.sh
chown -R runner:runner /opt/paddock/runner
chown root:root /opt/paddock/runner/paddock-runner.json
# Loads and compiles everything once, so that the disk's first blocks are those that a start needs.
runuser -u runner -- env -C /opt/paddock/runner bin/Runner.Listener warmup
rm -rf /opt/paddock/runner/_diag # of the warm-up: a machine keeps its own job's diagnosis

# cloud-init may ask one place only, and does what user data needs, nothing more.
cat >/etc/cloud/cloud.cfg.d/95-paddock.cfg <<'CFG'
datasource_list: [Ec2, None]
datasource:
  Ec2:
    strict_id: false
    apply_full_imds_network_config: false
package_update: false
package_upgrade: false
CFG
systemctl disable --now ModemManager.service multipathd.service multipathd.socket udisks2.service \
    fwupd-refresh.timer motd-news.timer man-db.timer e2scrub_all.timer >/dev/null 2>&1 || true
systemctl mask systemd-networkd-wait-online@.service >/dev/null 2>&1 || true

systemd-analyze verify /etc/systemd/system/paddock-*.service /etc/systemd/system/paddock-*.timer
date -u +%Y-%m-%dT%H:%M:%SZ >/opt/paddock/baked
