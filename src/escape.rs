// SPDX-License-Identifier: GPL-2.0-or-later
//! Names that may hold any byte, as printable text.

use crate::decimal::Writer;

/// Writes `name` as printable ASCII without blanks: anything else, the backslash and whatever `also`
/// says, as `\` and three octal digits, the way the kernel does.
pub fn octal(name: impl IntoIterator<Item = u8>, also: &[u8], writer: &mut Writer<'_>) {
    for byte in name {
        if byte.is_ascii_graphic() && byte != b'\\' && !also.contains(&byte) {
            writer.byte(byte);
        } else {
            let digit = |shift: u32| b'0' | (byte >> shift & 7);
            writer.bytes(&[b'\\', digit(6), digit(3), digit(0)]);
        }
    }
}
