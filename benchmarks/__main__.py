"""All the benchmarks, one after another: `make bench`; ends with 1 if any figure fell short of its bar."""

import sys

from benchmarks import features, report, run, service

if __name__ == "__main__":
    sys.exit(max([features.main(), run.main(), service.main(), report.main()]))
