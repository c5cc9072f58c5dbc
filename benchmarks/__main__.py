"""All the benchmarks, one after another: `make bench`."""

import sys

from benchmarks import features, lookup

if __name__ == "__main__":
    features.main()
    sys.exit(lookup.main([]))
