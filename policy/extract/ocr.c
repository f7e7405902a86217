/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ocr.h"

#include <dlfcn.h>
#include <limits.h>
#include <tesseract/capi.h>

#include "common/clock.h"

/* One engine for the life of the process: what is read with it is read in children. */
static TessBaseAPI *engine;

/* The engine asks OpenMP for threads, and there are none in a box. */
static void
stay_alone(void)
{
	void (*levels)(int);

	*(void **)&levels = dlsym(RTLD_DEFAULT, "omp_set_max_active_levels");
	if (levels != NULL)
		levels(0);
}

void
ocr_start(void)
{
	if (engine != NULL)
		return;
	setMsgSeverity(L_SEVERITY_NONE);
	stay_alone();
	engine = TessBaseAPICreate();
	if (engine == NULL)
		return;
	/* It complains to standard error about small pictures, and of missing data. */
	if (TessBaseAPIInit2(engine, NULL, "vie", OEM_LSTM_ONLY) != 0) {
		TessBaseAPIDelete(engine);
		engine = NULL;
		return;
	}
	(void)TessBaseAPISetVariable(engine, "debug_file", "/dev/null");
}

bool
ocr_ready(void)
{
	return engine != NULL;
}

static void
place(const TessPageIterator *at, struct ocr_word *w)
{
	if (!TessPageIteratorBoundingBox(at, RIL_WORD, &w->left, &w->top, &w->right, &w->bottom))
		w->left = w->top = w->right = w->bottom = 0;
	w->ends_line = TessPageIteratorIsAtFinalElement(at, RIL_TEXTLINE, RIL_WORD);
	w->ends_paragraph = TessPageIteratorIsAtFinalElement(at, RIL_PARA, RIL_WORD);
}

static int
hand_out(TessResultIterator *it, ocr_word_fn *fn, void *arg)
{
	int err = OK;

	do {
		char *text = TessResultIteratorGetUTF8Text(it, RIL_WORD);
		float sure = TessResultIteratorConfidence(it, RIL_WORD);
		struct ocr_word w = { .confidence = sure > 0 ? (unsigned)sure : 0 };

		if (text == NULL)
			continue;
		w.text = slice_of(text);
		place(TessResultIteratorGetPageIteratorConst(it), &w);
		err = fn(arg, &w);
		TessDeleteText(text);
	} while (err == OK && TessResultIteratorNext(it, RIL_WORD));
	return err;
}

/* Recognise; ERR_TIMEOUT past the moment. */
static int
recognise(uint64_t until_ms)
{
	uint64_t now = clock_ms();
	ETEXT_DESC *monitor;
	int r;

	if (now >= until_ms)
		return ERR_TIMEOUT;
	monitor = TessMonitorCreate();
	if (monitor == NULL)
		return ERR_NOMEM;
	TessMonitorSetDeadlineMSecs(monitor, until_ms - now > INT_MAX ? INT_MAX :
	    (int)(until_ms - now));
	r = TessBaseAPIRecognize(engine, monitor);
	TessMonitorDelete(monitor);
	if (clock_ms() >= until_ms)
		return ERR_TIMEOUT;
	return r == 0 ? OK : ERR_NOMEM;
}

int
ocr_read(PIX *picture, enum ocr_layout layout, uint64_t until_ms, ocr_word_fn *fn, void *arg)
{
	TessResultIterator *it;
	int err;

	if (engine == NULL)
		return ERR_NOMEM;
	TessBaseAPISetPageSegMode(engine, layout == OCR_LINE ? PSM_SINGLE_LINE : PSM_SINGLE_BLOCK);
	TessBaseAPISetImage2(engine, picture);
	TessBaseAPISetSourceResolution(engine, 300);
	err = recognise(until_ms);
	it = err == OK ? TessBaseAPIGetIterator(engine) : NULL;
	if (it != NULL) {
		err = hand_out(it, fn, arg);
		TessResultIteratorDelete(it);
	}
	TessBaseAPIClear(engine);
	return err;
}
