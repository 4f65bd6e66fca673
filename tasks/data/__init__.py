"""Recordings in the PHM-Vibench layout, real or simulated, and the windows cut from them."""
