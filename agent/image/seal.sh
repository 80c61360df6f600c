#!/bin/sh
# The last step of a build: forget everything that belongs to this one machine.
set -eu
apt-get -qq clean
rm -rf /var/lib/apt/lists/* /tmp/paddock-machine /tmp/paddock-agent.pyz /tmp/bake_runner.py /tmp/check_image.py
cloud-init clean --logs --machine-id
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/ubuntu/.ssh/authorized_keys
journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || true
sync
