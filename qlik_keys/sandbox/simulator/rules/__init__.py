"""The rules of the contract that the simulator enforces."""
