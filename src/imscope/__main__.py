"""``python -m imscope`` is the command line."""

from imscope.cli.main import start

if __name__ == "__main__":
    start()
