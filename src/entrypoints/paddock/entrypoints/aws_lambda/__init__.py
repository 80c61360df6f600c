"""The fleet as functions of AWS Lambda: each module is one function's code, and its ``handler`` what Lambda calls.

Nothing is built when a module is imported, but at the first event: a start that fails is tried again at the next one.
"""
