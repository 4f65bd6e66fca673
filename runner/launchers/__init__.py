"""Where an attempt's supervisor is started, one file a launcher."""
