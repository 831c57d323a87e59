"""What is printed: results, tables, errors."""
