# ruff: noqa: PTH118, PTH123 - pathlib slows the start
"""The runner's own update: a script that outlives the Listener puts other directories in place of its own.

::

    bin/  externals/                  bin -> bin.9.999.0/    externals -> externals.9.999.0/
    (of 2.336.0)            ──>       bin.2.336.0/           externals.2.336.0/          update.finished
"""

import os
import re
import shutil
import subprocess

from paddock.adapters.standin.runner.common import ROOT, VERSION, say

_SCRIPT = """\
#!/bin/bash
# Started by the Listener of {old}; goes on when that has ended.
cd "{root}" || exit 1
log=_diag/SelfUpdate-{new}.log
echo "waiting for {pid}" > "$log"
while kill -0 {pid} 2>/dev/null; do sleep 0.02; done
for name in bin externals; do
    if [ -L "$name" ]; then rm "$name"; else mv "$name" "$name.{old}"; fi
    ln -s "$name.{new}" "$name"
done
mv "$log" "$log.succeed"
touch update.finished
"""


def update(version: str) -> None:
    """Lay the new directories beside the old ones, and start what swaps them."""
    say("Runner update in progress, do not shutdown runner.")
    say(f"Downloading {version} runner")
    for name in ("bin", "externals"):
        shutil.copytree(os.path.join(ROOT, name), os.path.join(ROOT, f"{name}.{version}"), dirs_exist_ok=True)
    for program in ("Runner.Listener", "Runner.Worker"):
        path = os.path.join(ROOT, f"bin.{version}", program)
        with open(path, encoding="utf-8") as file:
            text = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', file.read(), count=1, flags=re.MULTILINE)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    say("Waiting for current job finish running.")
    say("Generate and execute update script.")
    script = os.path.join(ROOT, "_work", "_update.sh")
    with open(script, "w", encoding="utf-8") as file:
        file.write(_SCRIPT.format(old=VERSION, new=version, root=ROOT, pid=os.getpid()))
    say("Runner will exit shortly for update, should be back online within 10 seconds.")
    subprocess.Popen(  # noqa: S603 - our own text
        ["/bin/bash", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    say("Runner update process finished.")
