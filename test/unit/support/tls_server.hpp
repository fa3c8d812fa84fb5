// TLS for RawServer: an authority and certificates made on the spot. Plays the bank's side, so it knows OpenSSL.
#pragma once

#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "unit/support/raw_server.hpp"

namespace ob::test {

namespace detail {

template <auto Free>
struct Freer {
	template <class T>
	void operator()(T *p) const {
		Free(p);
	}
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

inline void extend(X509 *certificate, X509 *issuer, int nid, const std::string &value) {
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
	std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
	    X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
	if (!extension || !X509_add_ext(certificate, extension.get(), -1))
		throw std::runtime_error("certificate extension");
}

/// A certificate for `key`, signed by `issuer_key`; its own issuer if `issuer` is null.
inline Certificate certify(const std::string &name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                           const std::string &alt_names, long valid_seconds) {
	Certificate certificate(X509_new());
	X509 *c = certificate.get();
	X509_set_version(c, 2);
	static std::atomic<long> serial = 1;
	ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
	X509_gmtime_adj(X509_getm_notBefore(c), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c), valid_seconds);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
	                           reinterpret_cast<const unsigned char *>(name.c_str()), -1, -1, 0);
	X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer) : X509_get_subject_name(c));
	X509_set_pubkey(c, key);
	extend(c, issuer ? issuer : c, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	if (!alt_names.empty())
		extend(c, issuer ? issuer : c, NID_subject_alt_name, alt_names);
	if (!X509_sign(c, issuer_key, EVP_sha256()))
		throw std::runtime_error("certificate signature");
	return certificate;
}

} // namespace detail

/// Signs server certificates; its own lies in a temporary file.
class TestAuthority {
public:
	explicit TestAuthority(const std::string &name = "Test Authority") : key(EVP_EC_gen("P-256")) {
		certificate = detail::certify(name, key.get(), nullptr, key.get(), "", 3600);
		char path[] = "/tmp/ob-test-ca-XXXXXX";
		const int fd = mkstemp(path);
		file_ = path;
		FILE *out = fdopen(fd, "w");
		PEM_write_X509(out, certificate.get());
		fclose(out);
	}
	~TestAuthority() { unlink(file_.c_str()); }
	const std::string &file() const { return file_; }

	detail::Key key;
	detail::Certificate certificate;

private:
	std::string file_;
};

/// What a TLS server did, for tests to look at.
struct TlsLog {
	std::atomic<int> handshakes = 0;
	std::atomic<int> resumed = 0;
	std::atomic<int> failed = 0;
	std::mutex mutex;
	std::string offered; // ALPN, comma separated
	std::string version;
};

class TlsStream final : public Stream {
public:
	TlsStream(int fd, SSL_CTX *context) : ssl_(SSL_new(context)) { SSL_set_fd(ssl_.get(), fd); }
	bool handshake() { return SSL_accept(ssl_.get()) == 1; }
	SSL *ssl() { return ssl_.get(); }
	long read(char *out, std::size_t size) override {
		const int n = SSL_read(ssl_.get(), out, static_cast<int>(size));
		ERR_clear_error();
		return n;
	}
	bool write(std::string_view bytes) override {
		const bool ok = bytes.empty() || SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
		ERR_clear_error();
		return ok;
	}
	/// close_notify: the difference between an end and a cut.
	~TlsStream() override {
		if (polite)
			SSL_shutdown(ssl_.get());
		ERR_clear_error();
	}
	bool polite = true;

private:
	std::unique_ptr<SSL, detail::Freer<SSL_free>> ssl_;
};

/// Makes RawServer's connections TLS ones. `alt_names` as in "DNS:bank.ob.test,IP:127.0.0.1". Must outlive the server.
class TlsServerSide {
public:
	TlsServerSide(const TestAuthority &authority, const std::string &alt_names, long valid_seconds = 3600)
	    : key_(EVP_EC_gen("P-256")), context_(SSL_CTX_new(TLS_server_method())) {
		// OpenSSL writes with write(): a client that is gone must not end the test.
		signal(SIGPIPE, SIG_IGN);
		const auto certificate = detail::certify("Test Server", key_.get(), authority.certificate.get(),
		                                         authority.key.get(), alt_names, valid_seconds);
		SSL_CTX_use_certificate(context_.get(), certificate.get());
		SSL_CTX_use_PrivateKey(context_.get(), key_.get());
		SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char *>("ob"), 2);
		SSL_CTX_set_alpn_select_cb(context_.get(), select, &log);
	}
	SSL_CTX *context() { return context_.get(); }
	RawServer::MakeStream streams(bool polite = true) {
		return [this, polite](int fd) -> std::unique_ptr<Stream> {
			auto stream = std::make_unique<TlsStream>(fd, context_.get());
			stream->polite = polite;
			if (!stream->handshake()) {
				++log.failed;
				ERR_clear_error();
				return nullptr;
			}
			++log.handshakes;
			log.resumed += SSL_session_reused(stream->ssl());
			const std::lock_guard lock(log.mutex);
			log.version = SSL_get_version(stream->ssl());
			return stream;
		};
	}

	TlsLog log;

private:
	/// Notes what was offered and picks HTTP/1.1.
	static int select(SSL *, const unsigned char **out, unsigned char *size, const unsigned char *in, unsigned in_size,
	                  void *self) {
		auto &log = *static_cast<TlsLog *>(self);
		const std::lock_guard lock(log.mutex);
		log.offered.clear();
		int rc = SSL_TLSEXT_ERR_NOACK;
		for (unsigned i = 0; i < in_size; i += 1u + in[i]) {
			const std::string name(reinterpret_cast<const char *>(in) + i + 1, in[i]);
			log.offered += (log.offered.empty() ? "" : ",") + name;
			if (name == "http/1.1") {
				*out = in + i + 1;
				*size = in[i];
				rc = SSL_TLSEXT_ERR_OK;
			}
		}
		return rc;
	}

	detail::Key key_;
	detail::Context context_;
};

} // namespace ob::test
