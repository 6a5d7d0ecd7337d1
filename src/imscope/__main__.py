"""``python -m imscope`` is the command line."""

from imscope.cli.main import main

if __name__ == "__main__":
    main()
