"""Noto Sans 2.015, semi-condensed, regular and bold, under the SIL Open Font License (``OFL.txt`` beside this).

Both are instances of the variable font, made with fontTools: ``varLib.instancer wdth=87.5 wght=400`` (700 for bold),
then ``subset --layout-features= --no-hinting --notdef-outline``. They have Latin with its extensions (U+0020-024F,
U+1E00), Greek (U+0370, U+1F00), Cyrillic (U+0400-052F), combining marks (U+0300), punctuation (U+2000), superscripts
(U+2070), currency signs (U+20A0), letter-like signs and fractions (U+2100-2189), minus and the replacement character.
"""
