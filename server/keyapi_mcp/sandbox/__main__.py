"""`python -m keyapi_mcp.sandbox`"""

import argparse
import sys

from keyapi_mcp.sandbox.options import add_arguments

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="keyapi-mcp sandbox", description="A synthetic KeyAPI on this machine.")
    add_arguments(parser)
    options = parser.parse_args()

    from keyapi_mcp.sandbox.serve import main

    sys.exit(main(options))
