/* SPDX-License-Identifier: Apache-2.0 */
#include "io/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <turnpike/error.h>

#include "base/secret.h"
#include "io/tls.h"

#define PROBLEM_SIZE 256
#define FILE_SIZE_MAX (1024 * 1024)

struct tp_certs {
	atomic_uint references;
	gnutls_certificate_credentials_t credentials;
	bool verify;
};

/* --- files ---------------------------------------------------------------- */

static int error_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return TP_ENOENT;
	case EACCES:
	case EPERM:
		return TP_EPERM;
	default:
		return TP_EINVAL;
	}
}

static int read_whole(int fd, gnutls_datum_t *out)
{
	struct stat status;
	ssize_t len;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_SIZE_MAX) {
		errno = EINVAL;
		return TP_EINVAL;
	}
	out->data = malloc((size_t)status.st_size + 1);
	if (out->data == NULL) {
		return TP_ENOMEM;
	}
	len = read(fd, out->data, (size_t)status.st_size);
	if (len < 0) {
		free(out->data);
		out->data = NULL;
		return error_of_errno();
	}
	out->data[len] = '\0';
	out->size = (unsigned)len;
	return 0;
}

static int read_file(const char *path, char problem[PROBLEM_SIZE], gnutls_datum_t *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	*out = (gnutls_datum_t){NULL, 0};
	if (fd == -1) {
		err = error_of_errno();
	} else {
		err = read_whole(fd, out);
	}
	if (err != 0) {
		snprintf(problem, PROBLEM_SIZE, "%s: cannot be read: %s", path,
			 err == TP_ENOMEM ? "out of memory" : strerrordesc_np(errno));
	}
	if (fd != -1) {
		close(fd);
	}
	return err;
}

static void forget(gnutls_datum_t *bytes)
{
	if (bytes->data != NULL) {
		tp_secret_wipe(bytes->data, bytes->size);
		free(bytes->data);
		bytes->data = NULL;
	}
}

/* --- loading -------------------------------------------------------------- */

static int complain(char problem[PROBLEM_SIZE], const char *path, const char *what, int code)
{
	snprintf(problem, PROBLEM_SIZE, "%s: %s: %s", path, what, gnutls_strerror(code));
	return code == GNUTLS_E_MEMORY_ERROR ? TP_ENOMEM : TP_EINVAL;
}

/*
 * Which of the two files is to blame is clearer when each is read on its own
 * first.
 */
static int check_certificate(const char *path, const gnutls_datum_t *pem,
			     char problem[PROBLEM_SIZE])
{
	gnutls_x509_crt_t *chain = NULL;
	unsigned count = 0;
	int code = gnutls_x509_crt_list_import2(&chain, &count, pem, GNUTLS_X509_FMT_PEM, 0);

	if (code < 0) {
		return complain(problem, path, "no certificate", code);
	}
	for (unsigned i = 0; i < count; i++) {
		gnutls_x509_crt_deinit(chain[i]);
	}
	gnutls_free(chain);
	return 0;
}

static int check_key(const char *path, const gnutls_datum_t *pem, char problem[PROBLEM_SIZE])
{
	gnutls_x509_privkey_t key;
	int code = gnutls_x509_privkey_init(&key);

	if (code != 0) {
		return complain(problem, path, "no private key", code);
	}
	code = gnutls_x509_privkey_import2(key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_x509_privkey_deinit(key);
	return code == 0 ? 0 : complain(problem, path, "no private key without password", code);
}

static struct tp_certs *certs_new(bool verify)
{
	struct tp_certs *certs = calloc(1, sizeof(*certs));

	if (certs == NULL) {
		return NULL;
	}
	atomic_init(&certs->references, 1);
	certs->verify = verify;
	if (gnutls_certificate_allocate_credentials(&certs->credentials) != 0) {
		free(certs);
		return NULL;
	}
	return certs;
}

static int out_of_memory(char problem[PROBLEM_SIZE])
{
	snprintf(problem, PROBLEM_SIZE, "certificates: out of memory");
	return TP_ENOMEM;
}

static int add_pair(struct tp_certs *certs, const char *certificate, const gnutls_datum_t *chain,
		    const gnutls_datum_t *key, char problem[PROBLEM_SIZE])
{
	int code = gnutls_certificate_set_x509_key_mem2(certs->credentials, chain, key,
							GNUTLS_X509_FMT_PEM, NULL, 0);

	return code >= 0 ? 0
			 : complain(problem, certificate, "certificate and key do not go together",
				    code);
}

int tp_certs_add(struct tp_certs *certs, const char *certificate, const char *key,
		 char problem[PROBLEM_SIZE])
{
	gnutls_datum_t chain_pem = {NULL, 0};
	gnutls_datum_t key_pem = {NULL, 0};
	int err = read_file(certificate, problem, &chain_pem);

	if (err == 0) {
		err = read_file(key, problem, &key_pem);
	}
	if (err == 0) {
		err = check_certificate(certificate, &chain_pem, problem);
	}
	if (err == 0) {
		err = check_key(key, &key_pem, problem);
	}
	if (err == 0) {
		err = add_pair(certs, certificate, &chain_pem, &key_pem, problem);
	}
	forget(&chain_pem);
	forget(&key_pem);
	return err;
}

int tp_certs_load(const char *certificate, const char *key, char problem[PROBLEM_SIZE],
		  struct tp_certs **out)
{
	struct tp_certs *certs = certs_new(false);
	int err;

	if (certs == NULL) {
		return out_of_memory(problem);
	}
	err = tp_certs_add(certs, certificate, key, problem);
	if (err != 0) {
		tp_certs_unref(&certs);
		return err;
	}
	*out = certs;
	return 0;
}

static int load_trust(struct tp_certs *certs, const char *ca_file, char problem[PROBLEM_SIZE])
{
	gnutls_datum_t pem;
	int count;
	int err;

	if (ca_file == NULL) {
		count = gnutls_certificate_set_x509_system_trust(certs->credentials);
		return count >= 0 ? 0
				  : complain(problem, "system", "no trusted certificates", count);
	}
	err = read_file(ca_file, problem, &pem);
	if (err != 0) {
		return err;
	}
	count = gnutls_certificate_set_x509_trust_mem(certs->credentials, &pem,
						      GNUTLS_X509_FMT_PEM);
	forget(&pem);
	if (count <= 0) {
		return complain(problem, ca_file, "no certificate",
				count < 0 ? count : GNUTLS_E_NO_CERTIFICATE_FOUND);
	}
	return 0;
}

int tp_certs_client(const char *ca_file, bool verify, char problem[PROBLEM_SIZE],
		    struct tp_certs **out)
{
	struct tp_certs *certs = certs_new(verify);
	int err = 0;

	if (certs == NULL) {
		return out_of_memory(problem);
	}
	if (verify) {
		err = load_trust(certs, ca_file, problem);
	}
	if (err != 0) {
		tp_certs_unref(&certs);
		return err;
	}
	*out = certs;
	return 0;
}

/* --- sharing -------------------------------------------------------------- */

struct tp_certs *tp_certs_ref(struct tp_certs *certs)
{
	atomic_fetch_add_explicit(&certs->references, 1, memory_order_relaxed);
	return certs;
}

void tp_certs_unref(struct tp_certs **certs)
{
	struct tp_certs *gone = *certs;

	*certs = NULL;
	if (gone != NULL &&
	    atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) == 1) {
		gnutls_certificate_free_credentials(gone->credentials);
		free(gone);
	}
}

gnutls_certificate_credentials_t tp_certs_credentials(const struct tp_certs *certs)
{
	return certs->credentials;
}

bool tp_certs_verify(const struct tp_certs *certs)
{
	return certs->verify;
}
