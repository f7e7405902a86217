/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/http.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/control.h"

/* PROXY_PORT: where libcurl looks for a proxy whose port is not told. */
enum { CONNECT_MS = 10000, KEEP_CONNECTIONS = 8, PROXY_PORT = 1080 };

struct http {
	CURL		  *curl;
	struct curl_slist *headers;
	struct buf	   no_proxy;
	uint16_t	   proxy_port;	/* network order; 0: there is no proxy */
	/* of the request in hand */
	struct buf	  *out;
	size_t		   head_octets;
	bool		   anywhere, forbidden;
};

/* ---- where it may go ---- */

static bool
is_public4(uint32_t host)
{
	unsigned first = host >> 24;

	/* 0/8, loopback, link-local; 224/4 and above: multicast, reserved, broadcast. */
	return first != 0 && first != 127 && host >> 16 != 0xa9fe && first < 224;
}

bool
http_may_ask(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	uint32_t host;

	if (control_off("trust-address"))
		return true;
	if (address->sa_family == AF_INET)
		return is_public4(ntohl(v4->sin_addr.s_addr));
	if (address->sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) || IN6_IS_ADDR_V4COMPAT(&v6->sin6_addr)) {
		memcpy(&host, &v6->sin6_addr.s6_addr[12], sizeof host);
		return is_public4(ntohl(host));
	}
	return !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) && !IN6_IS_ADDR_MULTICAST(&v6->sin6_addr) &&
	    !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

/* A host that is asked without the proxy ("no-proxy") is a host like any other. */
static bool
is_proxy(const struct http *h, const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	return h->proxy_port != 0 && h->proxy_port == (address->sa_family == AF_INET ?
	    v4->sin_port : address->sa_family == AF_INET6 ? v6->sin6_port : 0);
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *h = arg;

	(void)purpose;
	if (!h->anywhere && !is_proxy(h, &address->addr) && !http_may_ask(&address->addr)) {
		h->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- what comes back ---- */

static size_t
on_body(char *octets, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	buf_add(h->out, (struct slice){ octets, size * n });
	return h->out->err == OK ? size * n : 0;
}

static size_t
on_head(char *octets, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	(void)octets;
	h->head_octets += size * n;
	return h->head_octets <= HTTP_HEAD_MAX ? size * n : 0;
}

static int
error_of(const struct http *h, CURLcode code)
{
	if (h->forbidden)
		return ERR_FORBIDDEN;
	switch (code) {
	case CURLE_OK:
		return OK;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return ERR_UNAVAIL;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		return ERR_LIMIT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return ERR_TLS;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

/* ---- options ---- */

#define SET(h, option, value) \
	(curl_easy_setopt((h)->curl, (option), (value)) == CURLE_OK ? 0 : 1)

static unsigned
set_fixed(struct http *h)
{
	unsigned bad = 0;

	bad += SET(h, CURLOPT_PROTOCOLS_STR, "http,https");
	bad += SET(h, CURLOPT_FOLLOWLOCATION, 0L);
	bad += SET(h, CURLOPT_NOSIGNAL, 1L);
	bad += SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad += SET(h, CURLOPT_HTTP09_ALLOWED, 0L);
	bad += SET(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	bad += SET(h, CURLOPT_USERAGENT, "congvu-trust");
	bad += SET(h, CURLOPT_MAXCONNECTS, (long)KEEP_CONNECTIONS);
	bad += SET(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	bad += SET(h, CURLOPT_WRITEFUNCTION, on_body);
	bad += SET(h, CURLOPT_WRITEDATA, h);
	bad += SET(h, CURLOPT_HEADERFUNCTION, on_head);
	bad += SET(h, CURLOPT_HEADERDATA, h);
	bad += SET(h, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	bad += SET(h, CURLOPT_OPENSOCKETDATA, h);
	return bad;
}

static bool
take_proxy_port(struct http *h, const char *proxy)
{
	CURLU *url = curl_url();
	char *port = NULL;
	uint64_t n = PROXY_PORT;
	bool ok = url != NULL && curl_url_set(url, CURLUPART_URL, proxy, 0) == CURLUE_OK;

	if (ok && curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK)
		ok = slice_u64(slice_of(port), UINT16_MAX, &n) == OK;
	h->proxy_port = htons((uint16_t)n);
	curl_free(port);
	curl_url_cleanup(url);
	return ok;
}

/* An empty proxy is none: the environment has no say. */
static unsigned
set_configured(struct http *h, const struct conf_trust *conf)
{
	unsigned bad = SET(h, CURLOPT_PROXY, conf->proxy);

	bad += *conf->proxy != '\0' && !take_proxy_port(h, conf->proxy);
	for (size_t i = 0; i < conf->no_proxy.n; i++)
		buf_addf(&h->no_proxy, "%s%s", i == 0 ? "" : ",", conf->no_proxy.v[i]);
	if (h->no_proxy.n > 0 && buf_cstr(&h->no_proxy) != NULL)
		bad += SET(h, CURLOPT_NOPROXY, buf_cstr(&h->no_proxy));
	else
		bad += SET(h, CURLOPT_NOPROXY, "");
	if (*conf->ca != '\0') {
		bad += SET(h, CURLOPT_CAINFO, conf->ca);
		bad += SET(h, CURLOPT_CAPATH, NULL);
	}
	return bad;
}

int
http_new(const struct conf_trust *conf, struct http **out)
{
	struct http *h = calloc(1, sizeof *h);

	*out = NULL;
	if (h == NULL)
		return ERR_NOMEM;
	buf_init(&h->no_proxy, 64 << 10);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->curl = curl_easy_init();
	h->headers = curl_slist_append(NULL, "Content-Type: application/ocsp-request");
	*out = h;
	if (h->curl == NULL || h->headers == NULL || set_fixed(h) != 0 ||
	    set_configured(h, conf) != 0) {
		http_free(out);
		return ERR_NOMEM;
	}
	return OK;
}

void
http_free(struct http **http)
{
	struct http *h = *http;

	if (h == NULL)
		return;
	curl_slist_free_all(h->headers);
	curl_easy_cleanup(h->curl);
	buf_fini(&h->no_proxy);
	free(h);
	*http = NULL;
}

/* ---- one request ---- */

static unsigned
set_request(struct http *h, const struct http_request *rq)
{
	unsigned bad = SET(h, CURLOPT_URL, rq->url);

	bad += SET(h, CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
	bad += SET(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)h->out->max);
	/* A connection of another request may go where this one must not. */
	bad += SET(h, CURLOPT_FRESH_CONNECT, rq->anywhere ? 0L : 1L);
	if (rq->body.n == 0)
		return bad + SET(h, CURLOPT_HTTPHEADER, NULL) + SET(h, CURLOPT_HTTPGET, 1L);
	bad += SET(h, CURLOPT_POST, 1L);
	bad += SET(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
	bad += SET(h, CURLOPT_POSTFIELDS, rq->body.p);
	return bad + SET(h, CURLOPT_HTTPHEADER, h->headers);
}

int
http_get(struct http *h, const struct http_request *rq, struct buf *out, unsigned *status_out)
{
	long status = 0;
	int r;

	*status_out = 0;
	h->out = out;
	h->head_octets = 0;
	h->anywhere = rq->anywhere;
	h->forbidden = false;
	if (set_request(h, rq) != 0)
		return ERR_INVAL;
	r = error_of(h, curl_easy_perform(h->curl));
	if (curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0)
		*status_out = (unsigned)status;
	return r == OK && status != 200 ? ERR_NOENT : r;
}
