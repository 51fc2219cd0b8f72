"""What an endless encoder's values mean. No value tells which code it is in, so a device file names it.

| code                | one step right | one step left |
|---------------------|----------------|---------------|
| twos_complement     | 1              | 127           |
| signed_bit          | 65             | 1             |
| signed_bit_reversed | 1              | 65            |
| offset_64           | 65             | 63            |

signed_bit_reversed is what Mackie Control's V-pots send.
"""

from enum import StrEnum


class RelativeCode(StrEnum):
    """How steps are written into seven bits."""

    TWOS_COMPLEMENT = "twos_complement"
    SIGNED_BIT = "signed_bit"
    SIGNED_BIT_REVERSED = "signed_bit_reversed"
    OFFSET_64 = "offset_64"

    def steps(self, value: int) -> int:
        """Steps to the right, negative to the left, -64 … 63, of a value 0 … 127."""
        amount = value & 0x3F
        match self:
            case RelativeCode.TWOS_COMPLEMENT:
                return value - 128 if value >= 64 else value
            case RelativeCode.SIGNED_BIT:
                return amount if value >= 64 else -amount
            case RelativeCode.SIGNED_BIT_REVERSED:
                return -amount if value >= 64 else amount
            case RelativeCode.OFFSET_64:
                return value - 64

    def encoded(self, steps: int) -> int:
        """The value 0 … 127 that means so many steps; -63 … 63."""
        match self:
            case RelativeCode.TWOS_COMPLEMENT:
                return steps % 128
            case RelativeCode.SIGNED_BIT:
                return steps + 64 if steps > 0 else -steps
            case RelativeCode.SIGNED_BIT_REVERSED:
                return steps if steps >= 0 else 64 - steps
            case RelativeCode.OFFSET_64:
                return steps + 64


def code_of_turns(right: int, left: int) -> RelativeCode | None:
    """The code of an encoder whose slowest turns to the right and to the left sent these values, if it is one."""
    for code in RelativeCode:
        if 0 < code.steps(right) <= 8 and -8 <= code.steps(left) < 0:
            return code
    return None
