"""`python -m qlik_keys`: the command line, where its program is not on the PATH."""

from qlik_keys.cli import main

if __name__ == "__main__":
    main()
