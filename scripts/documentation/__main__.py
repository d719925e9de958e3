"""Writes the files."""

from conf.settings import ROOT
from scripts.documentation.files import files


def main() -> None:
    """Write all files of the API description, and print their names."""
    for path, text in files().items():
        (ROOT / path).write_text(text)
        print(path)


if __name__ == "__main__":
    main()
