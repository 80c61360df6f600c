"""Add up JUnit reports and print one line in pytest's own form: ``==== 3 failed, 6 passed in 1.23s ====``."""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path


def summary(texts: Iterable[str]) -> str:
    """The line for these reports, each the text of one XML file. No test at all counts as an error."""
    total = failed = errors = skipped = 0
    seconds = 0.0
    for text in texts:
        for suite in ET.fromstring(text).iter("testsuite"):
            total += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0))
            errors += int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
            seconds += float(suite.get("time", 0))
    if total == 0:
        errors += 1
    counts = [(failed, "failed"), (max(0, total - failed - errors - skipped), "passed"), (skipped, "skipped")]
    counts.append((errors, "error" if errors == 1 else "errors"))
    parts = [f"{count} {word}" for count, word in counts if count]
    return f"==== {', '.join(parts)} in {seconds:.2f}s ===="


if __name__ == "__main__":
    print(summary(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:] if Path(name).exists()))
