"""What the gate costs, beside what others do; run by `make bench`, explained in README.md."""
