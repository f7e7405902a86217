/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/skeleton.h"

#include <stddef.h>

#include "common/err.h"
#include "policy/label/fold.h"

/* Sorted by code point. Capital and small forms differ in some scripts (Υ is a Y, υ is a u). */
static const struct { uint16_t cp; char letter; } letters[] = {
	{ 0x00D0, 'D' }, { 0x00D8, 'o' }, { 0x00F0, 'D' }, { 0x00F8, 'o' },
	{ 0x0110, 'D' }, { 0x0111, 'D' }, { 0x0131, 'i' }, { 0x0141, 'l' }, { 0x0142, 'l' },
	{ 0x0166, 't' }, { 0x0167, 't' }, { 0x0180, 'b' }, { 0x0189, 'D' }, { 0x018A, 'D' },
	{ 0x018B, 'D' }, { 0x018C, 'D' }, { 0x0197, 'i' }, { 0x01AC, 't' }, { 0x01AE, 't' },
	{ 0x01B3, 'y' }, { 0x023A, 'a' }, { 0x023E, 't' }, { 0x024E, 'y' },
	{ 0x0251, 'a' }, { 0x0256, 'D' }, { 0x0257, 'D' }, { 0x0261, 'g' }, { 0x0262, 'g' },
	{ 0x0268, 'i' }, { 0x0269, 'i' }, { 0x026A, 'i' }, { 0x0271, 'm' }, { 0x0274, 'n' },
	{ 0x0280, 'r' }, { 0x0288, 't' }, { 0x028F, 'y' }, { 0x0299, 'b' }, { 0x029C, 'h' },
	{ 0x029F, 'l' },
	{ 0x0391, 'a' }, { 0x0392, 'b' }, { 0x0395, 'e' }, { 0x0396, 'z' }, { 0x0397, 'h' },
	{ 0x0399, 'i' }, { 0x039A, 'k' }, { 0x039C, 'm' }, { 0x039D, 'n' }, { 0x039F, 'o' },
	{ 0x03A1, 'p' }, { 0x03A4, 't' }, { 0x03A5, 'y' }, { 0x03A7, 'x' }, { 0x03B1, 'a' },
	{ 0x03B5, 'e' }, { 0x03B9, 'i' }, { 0x03BA, 'k' }, { 0x03BC, 'm' }, { 0x03BD, 'v' },
	{ 0x03BF, 'o' }, { 0x03C1, 'p' }, { 0x03C4, 't' }, { 0x03C5, 'u' }, { 0x03C7, 'x' },
	{ 0x03F3, 'j' }, { 0x03FA, 'm' }, { 0x03FB, 'm' },
	{ 0x0405, 's' }, { 0x0406, 'i' }, { 0x0408, 'j' }, { 0x0410, 'a' }, { 0x0412, 'b' },
	{ 0x0415, 'e' }, { 0x041A, 'k' }, { 0x041C, 'm' }, { 0x041D, 'h' }, { 0x041E, 'o' },
	{ 0x0420, 'p' }, { 0x0421, 'c' }, { 0x0422, 't' }, { 0x0423, 'y' }, { 0x0425, 'x' },
	{ 0x0430, 'a' }, { 0x0432, 'b' }, { 0x0435, 'e' }, { 0x043A, 'k' }, { 0x043C, 'm' },
	{ 0x043D, 'h' }, { 0x043E, 'o' }, { 0x0440, 'p' }, { 0x0441, 'c' }, { 0x0442, 't' },
	{ 0x0443, 'y' }, { 0x0445, 'x' }, { 0x0455, 's' }, { 0x0456, 'i' }, { 0x0458, 'j' },
	{ 0x04AE, 'y' }, { 0x04AF, 'y' }, { 0x04C0, 'i' }, { 0x04CF, 'i' }, { 0x0501, 'd' },
	{ 0x051A, 'q' }, { 0x051B, 'q' }, { 0x054D, 'u' }, { 0x0555, 'o' }, { 0x057D, 'u' },
	{ 0x0585, 'o' },
	{ 0x13A0, 'd' }, { 0x13A2, 't' }, { 0x13AA, 'a' }, { 0x13AC, 'e' }, { 0x13B7, 'm' },
	{ 0x13BD, 'y' }, { 0x13C6, 'i' }, { 0x13DA, 's' }, { 0x13DF, 'c' },
	{ 0x15C5, 'a' }, { 0x15E9, 'a' }, { 0x15F0, 'm' },
	{ 0x16D6, 'm' }, { 0x22A4, 't' }, { 0x27D9, 't' },
	{ 0x1D00, 'a' }, { 0x1D03, 'b' }, { 0x1D04, 'c' }, { 0x1D05, 'd' }, { 0x1D06, 'D' },
	{ 0x1D07, 'e' }, { 0x1D0A, 'j' }, { 0x1D0B, 'k' }, { 0x1D0C, 'l' }, { 0x1D0D, 'm' },
	{ 0x1D0F, 'o' }, { 0x1D18, 'p' }, { 0x1D1B, 't' }, { 0x1D1C, 'u' }, { 0x1D20, 'v' },
	{ 0x1D21, 'w' }, { 0x1D22, 'z' },
	{ 0x2C80, 'a' }, { 0x2C81, 'a' }, { 0x2C92, 'i' }, { 0x2C93, 'i' }, { 0x2C98, 'm' },
	{ 0x2C99, 'm' }, { 0x2C9E, 'o' }, { 0x2C9F, 'o' }, { 0x2CA6, 't' }, { 0x2CA7, 't' },
	{ 0x2CA8, 'y' }, { 0x2CA9, 'y' }, { 0x2D38, 'v' }, { 0x2D54, 'o' },
	{ 0xA4D3, 'd' }, { 0xA4D4, 't' }, { 0xA4DF, 'm' }, { 0xA4EE, 'a' }, { 0xA4F0, 'e' },
	{ 0xA4F2, 'i' }, { 0xA4F3, 'o' }, { 0xA4F4, 'u' }, { 0xA4EC, 'y' },
};

static char
look_up(uint32_t cp)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (letters[i].cp == cp)
			return letters[i].letter;
	return 0;
}

/* Letters drawn in squares and circles, and flags. */
static char
enclosed(uint32_t cp)
{
	static const struct { uint32_t first; } rows[] = {
		{ 0x1F130 }, { 0x1F150 }, { 0x1F170 }, { 0x1F1E6 }, { 0x24B6 }, { 0x24D0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cp >= rows[i].first && cp < rows[i].first + 26)
			return (char)('a' + (int)(cp - rows[i].first));
	return 0;
}

char
skeleton_letter(uint32_t cp, bool *stroke_out)
{
	char c;

	*stroke_out = false;
	if (cp >= 0x1F000 || (cp >= 0x2400 && cp < 0x2500))
		return enclosed(cp);
	if (cp > 0xFFFF)
		return 0;
	c = look_up(cp);
	if (c == 'D') {
		*stroke_out = true;
		return 'd';
	}
	return c;
}

char
skeleton_mark(uint32_t cp, bool *tone_out)
{
	*tone_out = true;
	switch (cp) {
	case 0x0301: case 0x0341: case 0x030B: case 0x0384:
		return 'S';
	case 0x0300: case 0x0340: case 0x030F:
		return 'F';
	case 0x0309:
		return 'R';
	case 0x0303: case 0x0334: case 0x0342:
		return 'X';
	case 0x0323: case 0x0324: case 0x0325: case 0x0329:
		return 'J';
	default:
		break;
	}
	*tone_out = false;
	switch (cp) {
	case 0x0302: case 0x0311: case 0x032D: case 0x1DCD:
		return 'C';
	case 0x0306: case 0x030C:
		return 'B';
	case 0x031B: case 0x0315: case 0x0321:
		return 'H';
	default:
		return 0;
	}
}

bool
skeleton_invisible(uint32_t cp)
{
	if (cp < 0x20)
		return cp != '\t' && cp != '\n' && cp != '\r' && cp != '\f' && cp != '\v';
	return (cp >= 0x7F && cp < 0xA0 && cp != 0x85) || cp == 0x00AD || cp == 0x034F ||
	    cp == 0x061C || cp == 0x115F || cp == 0x1160 || cp == 0x17B4 || cp == 0x17B5 ||
	    (cp >= 0x180B && cp <= 0x180F) || (cp >= 0x200B && cp <= 0x200F) ||
	    (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
	    cp == 0x3164 || (cp >= 0xFE00 && cp <= 0xFE0F) || cp == 0xFEFF || cp == 0xFFA0 ||
	    (cp >= 0xFFF0 && cp <= 0xFFFB) || (cp >= 0x1BCA0 && cp <= 0x1BCA3) ||
	    (cp >= 0x1D173 && cp <= 0x1D17A) || (cp >= 0xE0000 && cp <= 0xE0FFF);
}

bool
skeleton_space(uint32_t cp)
{
	return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0x85 || cp == 0xA0 ||
	    cp == 0x1680 || cp == 0x180E || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 ||
	    cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x2800 || cp == 0x3000;
}

static unsigned
punct_ascii(uint32_t cp)
{
	switch (cp) {
	case ':': case '=':
		return FOLD_COLON;
	case '(': case '[': case '{': case '<':
		return FOLD_OPEN;
	case ')': case ']': case '}': case '>':
		return FOLD_CLOSE;
	case '"': case '\'': case '`':
		return FOLD_QUOTE;
	case '-': case '_': case '~':
		return FOLD_DASH;
	case '*': case '+':
		return FOLD_BULLET;
	case '/': case '\\': case '|':
		return FOLD_SLASH;
	case ',': case ';':
		return FOLD_COMMA;
	case '.': case '!': case '?':
		return FOLD_STOP;
	default:
		return FOLD_OTHER;
	}
}

static const struct { uint16_t first, last; uint8_t type; } puncts[] = {
	{ 0x00AB, 0x00AB, FOLD_QUOTE }, { 0x00B7, 0x00B7, FOLD_BULLET },
	{ 0x00BB, 0x00BB, FOLD_QUOTE }, { 0x2010, 0x2015, FOLD_DASH },
	{ 0x2018, 0x201F, FOLD_QUOTE }, { 0x2022, 0x2023, FOLD_BULLET },
	{ 0x2026, 0x2026, FOLD_STOP }, { 0x2039, 0x203A, FOLD_QUOTE },
	{ 0x2190, 0x2195, FOLD_COLON }, { 0x2212, 0x2212, FOLD_DASH },
	{ 0x2236, 0x2236, FOLD_COLON }, { 0x2500, 0x2501, FOLD_DASH },
	{ 0x2502, 0x2503, FOLD_SLASH }, { 0x25A0, 0x25A0, FOLD_FILLED },
	{ 0x25A1, 0x25A1, FOLD_BOX }, { 0x25A2, 0x25A2, FOLD_BOX },
	{ 0x25A3, 0x25A3, FOLD_TICKED }, { 0x25AA, 0x25AA, FOLD_BULLET },
	{ 0x25AB, 0x25AB, FOLD_BOX }, { 0x25CB, 0x25CB, FOLD_BOX },
	{ 0x25CF, 0x25CF, FOLD_FILLED }, { 0x25C9, 0x25C9, FOLD_TICKED },
	{ 0x25EF, 0x25EF, FOLD_BOX }, { 0x25FB, 0x25FB, FOLD_BOX },
	{ 0x25FC, 0x25FC, FOLD_FILLED }, { 0x25FD, 0x25FD, FOLD_BOX },
	{ 0x2610, 0x2610, FOLD_BOX }, { 0x2611, 0x2612, FOLD_TICKED },
	{ 0x2705, 0x2705, FOLD_TICKED }, { 0x2713, 0x2718, FOLD_TICKED },
	{ 0x2751, 0x2752, FOLD_BOX }, { 0x2B1A, 0x2B1C, FOLD_BOX },
	{ 0x3008, 0x3008, FOLD_OPEN }, { 0x300A, 0x300A, FOLD_OPEN },
	{ 0x3010, 0x3010, FOLD_OPEN }, { 0x3009, 0x3009, FOLD_CLOSE },
	{ 0x300B, 0x300B, FOLD_CLOSE }, { 0x3011, 0x3011, FOLD_CLOSE },
	/* Wingdings, as office programs write them */
	{ 0xF06F, 0xF06F, FOLD_BOX }, { 0xF071, 0xF071, FOLD_BOX },
	{ 0xF078, 0xF078, FOLD_TICKED }, { 0xF0A8, 0xF0A8, FOLD_BOX },
	{ 0xF0FB, 0xF0FE, FOLD_TICKED }, { 0xF052, 0xF052, FOLD_TICKED },
};

unsigned
skeleton_punct(uint32_t cp)
{
	if (cp < 0x80)
		return punct_ascii(cp);
	for (size_t i = 0; i < ARRAY_LEN(puncts); i++)
		if (cp >= puncts[i].first && cp <= puncts[i].last)
			return puncts[i].type;
	return FOLD_OTHER;
}
