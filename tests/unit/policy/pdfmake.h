/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/pdfmake.h: small PDF files for tests, object by object. */
#ifndef TESTS_POLICY_PDFMAKE_H
#define TESTS_POLICY_PDFMAKE_H

#include "common/buf.h"

enum { PDF_OBJECTS_MAX = 32 };

struct pdfmake {
	struct buf *out;
	size_t at[PDF_OBJECTS_MAX];
	unsigned n;
};

static void
pdf_begin(struct pdfmake *p, struct buf *out)
{
	*p = (struct pdfmake){ .out = out };
	buf_adds(out, "%PDF-1.4\n%\xE2\xE3\xCF\xD3\n");
}

/* The next object: 1, 2, 3 ... */
static void
pdf_object(struct pdfmake *p, const char *body)
{
	p->at[p->n++] = p->out->n;
	buf_addf(p->out, "%u 0 obj\n%s\nendobj\n", p->n, body);
}

static void
pdf_stream(struct pdfmake *p, const char *keys, const char *octets)
{
	size_t n = slice_of(octets).n;

	p->at[p->n++] = p->out->n;
	buf_addf(p->out, "%u 0 obj\n<</Length %zu %s>>\nstream\n%s\nendstream\nendobj\n", p->n, n,
	    keys, octets);
}

static void
pdf_end(struct pdfmake *p, const char *trailer)
{
	size_t at = p->out->n;

	buf_addf(p->out, "xref\n0 %u\n0000000000 65535 f \n", p->n + 1);
	for (unsigned i = 0; i < p->n; i++)
		buf_addf(p->out, "%010zu 00000 n \n", p->at[i]);
	buf_addf(p->out, "trailer\n<</Size %u /Root 1 0 R %s>>\nstartxref\n%zu\n%%%%EOF\n", p->n + 1,
	    trailer, at);
}

/* One page with that content, a Helvetica as /F1; more objects from 6 on. */
static void
pdf_page(struct pdfmake *p, const char *catalog, const char *page, const char *content)
{
	char text[2048];

	snprintf(text, sizeof text, "<</Type/Catalog/Pages 2 0 R %s>>", catalog);
	pdf_object(p, text);
	pdf_object(p, "<</Type/Pages/Kids[3 0 R]/Count 1>>");
	snprintf(text, sizeof text, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R"
	    "/Resources<</Font<</F1 4 0 R>>/XObject<</I 6 0 R>>>> %s>>", page);
	pdf_object(p, text);
	pdf_object(p, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>");
	pdf_stream(p, "", content);
}

#endif
