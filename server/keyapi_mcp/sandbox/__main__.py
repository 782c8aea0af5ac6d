"""`python -m keyapi_mcp.sandbox`"""

import argparse
import sys

from keyapi_mcp.sandbox.options import add_arguments
from keyapi_mcp.sandbox.serve import main

parser = argparse.ArgumentParser(prog="keyapi-mcp sandbox", description="A synthetic KeyAPI on this machine.")
add_arguments(parser)
sys.exit(main(parser.parse_args()))
