"""Hub: data and weights that are fetched, packed and unpacked, with their hashes."""
