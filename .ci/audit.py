"""Asks PyPI for known vulnerabilities of what is installed here, and fails where there are any.

Where the service cannot be reached, or does not know a package, that is said: it was not audited.
"""

import json
import subprocess
import sys
import tempfile
from importlib import metadata


def audit(*options):
    """Run pip-audit: packages that it knows of, names of others, and why there is no answer."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], [], (done.stderr.strip().splitlines() or ["no answer"])[-1]
    skipped = sorted(each["name"] for each in packages if "skip_reason" in each)
    return [each for each in packages if "skip_reason" not in each], skipped, ""


def main():
    """Ask for pip alone, which every index has, then for all; return the exit status."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(f"pip=={metadata.version('pip')}\n")
        file.flush()
        answered, _, error = audit("--disable-pip", "--no-deps", "--requirement", file.name)
    if not answered:
        print(f"audit: NOT DONE, no service of vulnerabilities can be reached here. {error}")
        return 0
    known, skipped, error = audit("--skip-editable")
    if error:
        print(f"audit: NOT DONE, {error}")
        return 0
    print(f"audit: {len(known)} packages, not known to the service: {', '.join(skipped) or 'none'}")
    findings = [(package, flaw) for package in known for flaw in package["vulns"]]
    for package, flaw in findings:
        fixed = ", ".join(flaw["fix_versions"]) or "no version"
        print(f"audit: {package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
