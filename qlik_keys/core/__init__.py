"""What every package leans on, and what imports nothing of the project above it."""
