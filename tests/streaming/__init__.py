"""The service with one more address, whose answer is a stream, for tests of the gate."""
