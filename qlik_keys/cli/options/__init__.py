"""What is typed: options, words, bodies."""
