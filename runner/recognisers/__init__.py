"""How the evidence of an attempt that did not succeed is recognised, one function a sign.

Each looks at the evidence and returns the reason, in a sentence a tired person understands, or None. The type of an
exception is asked before any text.
"""
