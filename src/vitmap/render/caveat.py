"""The sentence that every figure and page carries: a picture is not evidence."""

CAVEAT = (
    "A map shows where this head of this layer took its values from; it does not show why the "
    "model decided, nor where a defect is, until that is checked on known cases."
)

OF_METHOD = (
    "A map shows what its method computes from the model's features; it does not show why the "
    "model decided, nor where a defect is, until that is checked on known cases."
)
