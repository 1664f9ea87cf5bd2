"""`python -m rtstyle`."""

from rtstyle.cli import main

if __name__ == "__main__":
    main()
