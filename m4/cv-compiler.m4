# CV_CHECK_COMPILER: the flags of DESIGN: C17, warnings are errors, hardening.
AC_DEFUN([CV_CHECK_COMPILER], [
  CV_CFLAGS="-std=gnu17 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror -fPIE -fstack-protector-strong -fno-common"
  CV_CPPFLAGS="-D_GNU_SOURCE -I. -I\$(top_srcdir)"
  CV_LDFLAGS="-pie -Wl,-z,relro,-z,now -Wl,--as-needed"
  AC_SUBST([CV_CFLAGS])
  AC_SUBST([CV_CPPFLAGS])
  AC_SUBST([CV_LDFLAGS])
])

# CV_CHECK_SANITIZER: --with-sanitizer=address,undefined | thread. _FORTIFY_SOURCE is left out there:
# it hides reads that the sanitizers should see.
AC_DEFUN([CV_CHECK_SANITIZER], [
  AC_ARG_WITH([sanitizer],
    [AS_HELP_STRING([--with-sanitizer=LIST], [build with -fsanitize=LIST])],
    [cv_sanitizer=$withval], [cv_sanitizer=no])
  AS_IF([test "x$cv_sanitizer" != xno], [
    CV_CFLAGS="$CV_CFLAGS -fsanitize=$cv_sanitizer -fno-sanitize-recover=all -fno-omit-frame-pointer"
    CV_LDFLAGS="$CV_LDFLAGS -fsanitize=$cv_sanitizer"
    AC_DEFINE([WITH_SANITIZER], [1], [built with a sanitizer: address-space limits cannot apply])
  ], [
    CV_CPPFLAGS="$CV_CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
  ])
  AM_CONDITIONAL([SANITIZED], [test "x$cv_sanitizer" != xno])
])

# CV_CHECK_FUZZER: --enable-fuzzer builds tests/fuzz with libFuzzer (clang); without it the same files
# are linked to a driver that replays their corpus.
AC_DEFUN([CV_CHECK_FUZZER], [
  AC_ARG_ENABLE([fuzzer],
    [AS_HELP_STRING([--enable-fuzzer], [link fuzz targets with libFuzzer (needs clang)])],
    [cv_fuzzer=$enableval], [cv_fuzzer=no])
  AS_IF([test "x$cv_fuzzer" = xyes], [
    CV_CFLAGS="$CV_CFLAGS -fsanitize=fuzzer-no-link"
    CV_FUZZ_LDFLAGS="-fsanitize=fuzzer"
  ])
  AC_SUBST([CV_FUZZ_LDFLAGS])
  AM_CONDITIONAL([FUZZER], [test "x$cv_fuzzer" = xyes])
])

# CV_CHECK_CONTROLS: --enable-controls compiles the switches that turn single security checks off, by
# environment variable, so that tests can prove that each check is what makes them pass.
# Never for production: such a build says so at every start.
AC_DEFUN([CV_CHECK_CONTROLS], [
  AC_ARG_ENABLE([controls],
    [AS_HELP_STRING([--enable-controls], [test build: checks can be disabled one by one])],
    [cv_controls=$enableval], [cv_controls=no])
  AS_IF([test "x$cv_controls" = xyes],
    [AC_DEFINE([WITH_CONTROLS], [1], [test build: single checks can be disabled])])
  AM_CONDITIONAL([CONTROLS], [test "x$cv_controls" = xyes])
])
