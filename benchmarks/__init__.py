"""Speed against yardsticks; `make bench` runs them all."""
