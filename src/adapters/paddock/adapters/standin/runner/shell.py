"""The shell scripts of the runner package, by path: short ones of our own that behave as the real ones do."""

RUN_SH = """\
#!/bin/bash
# Restarts the Listener when it asks for it, and otherwise ends with 0 whatever happened.
DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cp -f "$DIR/run-helper.sh.template" "$DIR/run-helper.sh"
run() {
    while true; do
        "$DIR/run-helper.sh" $*
        code=$?
        if [ $code -eq 2 ]; then
            echo "Restarting runner..."
        else
            echo "Exiting runner..."
            [ $code -eq 7 ] && exit 7
            exit 0
        fi
    done
}
if [ -z "$RUNNER_MANUALLY_TRAP_SIG" ]; then
    run $*
else
    set -m
    "$DIR/run-helper.sh" $* &
    PID=$!
    trap 'kill -INT -$PID; wait $PID; exit 130' INT
    trap 'kill -INT -$PID; wait $PID; exit 143' TERM
    wait $PID
    exit 0
fi
"""

RUN_HELPER_SH = """\
#!/bin/bash
# Turns the Listener's exit codes into the two that run.sh knows: 2 (again) and the rest.
if [ "$(id -u)" -eq 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run interactively with sudo"
    exit 1
fi
DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
"$DIR/bin/Runner.Listener" run $*
code=$?
case $code in
    0) echo "Runner listener exited with 0 return code, stop the service, no retry needed."; exit 0 ;;
    1) echo "Runner listener exited with terminated error, stop the service, no retry needed."; exit 0 ;;
    2)
        echo "Runner listener exited with retryable error, re-launch runner in 5 seconds."
        "$DIR/safe_sleep.sh" 5
        exit 2 ;;
    3|4)
        echo "Runner listener exited because of updating, re-launch runner after successful update."
        for _ in $(seq 30); do
            [ -f "$DIR/update.finished" ] && break
            "$DIR/safe_sleep.sh" 1
        done
        rm -f "$DIR/update.finished"
        exit 2 ;;
    5) echo "Runner listener exited with session conflict error, stop the service, no retry needed."; exit 0 ;;
    7)
        echo "Runner listener exited with deprecated version error code."
        [ "$ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE" = "1" ] && exit 7
        exit 0 ;;
    *) echo "Exiting with unknown error code: ${code}"; exit 0 ;;
esac
"""

CONFIG_SH = """\
#!/bin/bash
if [ "$(id -u)" -eq 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run with sudo"
    exit 1
fi
DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if [ "$1" = "remove" ]; then
    shift
    exec "$DIR/bin/Runner.Listener" remove "$@"
fi
exec "$DIR/bin/Runner.Listener" configure "$@"
"""

ENV_SH = """\
#!/bin/bash
# Keeps the search path of the one who configures for the steps to come.
echo "$PATH" > .path
"""

SAFE_SLEEP_SH = """\
#!/bin/bash
exec sleep "$1"
"""

INSTALL_DEPENDENCIES_SH = """\
#!/bin/bash
if [ "$(id -u)" -ne 0 ]; then
    echo "Need to run with sudo privilege"
    exit 1
fi
echo "Nothing to install."
"""

NODE = """\
#!/bin/sh
# Only its place in the package counts: no step of the stand-in runs JavaScript.
echo "v{version}"
"""

SCRIPTS = {
    "run.sh": RUN_SH,
    "run-helper.sh.template": RUN_HELPER_SH,
    "config.sh": CONFIG_SH,
    "env.sh": ENV_SH,
    "safe_sleep.sh": SAFE_SLEEP_SH,
    "bin/installdependencies.sh": INSTALL_DEPENDENCIES_SH,
    "externals/node20/bin/node": NODE.format(version="20.20.2"),
    "externals/node24/bin/node": NODE.format(version="24.19.0"),
}

WINDOWS_FILES = (
    "config.cmd",
    "run.cmd",
    "run-helper.cmd.template",
    "run-helper.sh.template",
    "bin/Runner.Listener.exe",
    "bin/Runner.Worker.exe",
    "bin/Runner.PluginHost.exe",
    "bin/RunnerService.exe",
    "bin/Runner.Listener.dll",
    "externals/node20/bin/node.exe",
    "externals/node24/bin/node.exe",
)
"""What lies in the Windows package; it has no shell scripts but the template."""
