"""The findings of an audit, and the history of keys, in the formats that other programs and people read."""
