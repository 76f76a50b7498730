"""`python -m napari_iafpn`: the command line, where no script is on the path."""

import sys

from napari_iafpn.cli import main

if __name__ == "__main__":
    sys.exit(main())
