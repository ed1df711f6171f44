"""What the Makefile calls: browser assets, real servers for the tests, a look at the machine. Never imported by the product."""
