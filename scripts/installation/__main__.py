"""`./scripts/install`."""

import argparse
import os
import sys
from pathlib import Path

from scripts.installation.folder import Folder, InstallError
from scripts.installation.release import Source, build

DESCRIPTION = """\
Install this version into a folder of releases, beside the version that runs from it:

  FOLDER/releases/VERSION-COMMIT   the files of a version, with a virtual environment of its own
  FOLDER/current, FOLDER/previous  links to the version in use and to the one before it
  FOLDER/var                       logs and sockets; belongs to the server's user

The running workers stay on their version until they are restarted (./scripts/rolling_restart). Pip's variables apply:
PIP_NO_INDEX and PIP_FIND_LINKS install without a network.
"""


def main(argv: list[str]) -> int:
    """The exit code: 0 done, 1 failed for the reason printed, 2 wrong usage."""
    arguments = parse(argv)
    os.umask(0o022)  # the server's user reads what root installs
    try:
        folder = Folder(arguments.to.resolve())
        folder.prepare(arguments.user)
        with folder.locked():
            run(arguments, folder)
    except (InstallError, OSError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/install", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", metavar="FOLDER", type=Path, required=True, help="the folder of releases")
    parser.add_argument("--user", metavar="NAME", help="the server's user; root names it at the first installation")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--build-only", action="store_true", help="build and check this version, and leave `current`")
    step.add_argument("--back", action="store_true", help="exchange `current` and `previous`")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace, folder: Folder) -> None:
    """Do the one thing that the options ask for."""
    if arguments.back:
        folder.go_back()
    else:
        release = build(Source(Path(__file__).parents[2]), folder.releases)
        if arguments.build_only:
            print(f"{release} is built.")
            return
        folder.switch(release)
        folder.remove_old_releases()
    print(f"{folder.current} is {folder.release('current').name}. Restart the workers: ./scripts/rolling_restart")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
