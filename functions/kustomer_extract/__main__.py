"""`python -m kustomer_extract`: the command line, where the installed command is not on the path."""

import sys

from kustomer_extract.cli import main

if __name__ == "__main__":
    sys.exit(main())
