# CV_NEED(VARIABLE, MODULE, DEBIAN-PACKAGE, WHAT-FOR): a pkg-config module or a clear message.
AC_DEFUN([CV_NEED], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 is needed ($4). On Debian: apt-get install $3])])
])

# CV_NEED_LIB(VARIABLE, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE, WHAT-FOR): without pkg-config.
AC_DEFUN([CV_NEED_LIB], [
  AC_CHECK_HEADER([$2], [], [AC_MSG_ERROR([$2 is needed ($6). On Debian: apt-get install $5])])
  cv_save_LIBS=$LIBS
  AC_CHECK_LIB([$3], [$4], [],
    [AC_MSG_ERROR([lib$3 is needed ($6). On Debian: apt-get install $5])])
  LIBS=$cv_save_LIBS
  AC_SUBST([$1], ["-l$3"])
])

AC_DEFUN([CV_CHECK_LIBRARIES], [
  CV_NEED([OPENSSL], [openssl >= 3.0], [libssl-dev], [TLS and S/MIME])
  CV_NEED([P11], [libp11 >= 0.4.10], [libp11-dev], [signing with keys in tokens])
  CV_NEED([SODIUM], [libsodium >= 1.0.18], [libsodium-dev], [encryption at rest, audit chain])
  CV_NEED([LMDB], [lmdb >= 0.9.22], [liblmdb-dev], [the mailstore index])
  CV_NEED([LDAP], [ldap >= 2.5], [libldap-dev], [the directory])
  CV_NEED([SASL], [libsasl2 >= 2.1.28], [libsasl2-dev], [authentication])
  CV_NEED([CONFUSE], [libconfuse >= 3.3], [libconfuse-dev], [the configuration grammar])
  CV_NEED([JANSSON], [jansson >= 2.13], [libjansson-dev], [JSON output])
  CV_NEED([UTF8PROC], [libutf8proc], [libutf8proc-dev], [Unicode normalisation])
  CV_NEED([ARCHIVE], [libarchive >= 3.6], [libarchive-dev], [looking into archives])
  CV_NEED([POPPLER], [poppler-glib >= 22 cairo], [libpoppler-glib-dev], [looking into PDF])
  CV_NEED([LEPTONICA], [lept >= 1.82], [libleptonica-dev], [looking at pictures])
  CV_NEED([TESSERACT], [tesseract >= 5.3], [libtesseract-dev], [reading the text of pictures])
  CV_NEED([HEIF], [libheif >= 1.15 libde265 >= 1.0.11], [libheif-dev libde265-dev],
    [looking at photographs of telephones])
  CV_NEED([EXPAT], [expat >= 2.5], [libexpat1-dev], [looking into office documents])
  CV_NEED([SECCOMP], [libseccomp >= 2.5], [libseccomp-dev], [sandboxes])
  CV_NEED([SYSTEMD], [libsystemd >= 247], [libsystemd-dev], [sockets passed in by systemd])
  CV_NEED([ZSTD], [libzstd >= 1.5], [libzstd-dev], [compression at rest])
  CV_NEED([CURL], [libcurl >= 7.85], [libcurl4-openssl-dev], [fetching revocation lists])
  CV_NEED([MICROHTTPD], [libmicrohttpd >= 0.9.75], [libmicrohttpd-dev], [the metrics endpoint])
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [],
    [AC_MSG_ERROR([cmocka is needed (unit tests). On Debian: apt-get install libcmocka-dev])])
])
