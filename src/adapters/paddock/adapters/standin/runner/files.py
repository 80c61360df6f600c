# ruff: noqa: PTH123 - pathlib slows the start
"""The files by which a step speaks to the steps after it."""


def adopt(files: dict[str, str], environment: dict[str, str]) -> None:
    """Take over into the environment what a step wrote into GITHUB_ENV and GITHUB_PATH."""
    with open(files["ENV"], encoding="utf-8") as file:
        lines = iter(file.read().splitlines())
    for line in lines:
        name, heredoc, mark = line.partition("<<")
        if heredoc and "=" not in name:
            value = []
            for part in lines:
                if part == mark:
                    break
                value.append(part)
            environment[name] = "\n".join(value)
        elif "=" in line:
            name, _, text = line.partition("=")
            environment[name] = text
    with open(files["PATH"], encoding="utf-8") as file:
        for line in file.read().splitlines():
            environment["PATH"] = f"{line}:{environment.get('PATH', '')}"
