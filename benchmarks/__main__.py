"""All the benchmarks, one after another: `make bench`; ends with 1 if any figure fell short of its bar."""

import sys

from benchmarks import report, run, scale, service

if __name__ == "__main__":
    sys.exit(max([scale.main(), run.main(), service.main(), report.main()]))
