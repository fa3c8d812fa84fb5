// What libcurl is told about a request, and the callbacks it gets. C++ regime.
#include <algorithm>
#include <filesystem>
#include <new>
#include <string>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/address.hpp"
#include "http/curl_transfer.hpp"
#include "http/signal_block.hpp"

#include "core/pure.hpp"

namespace ob::http {

namespace {

static_assert(CURL_ERROR_SIZE == 256, "the size of CurlTransfer::curl_text_");

template <class T>
void set(void *easy, CURLoption option, T value) {
	const CURLcode rc = curl_easy_setopt(easy, option, value);
	if (rc == CURLE_OUT_OF_MEMORY)
		throw std::bad_alloc();
	if (rc != CURLE_OK)
		throw Error(ErrorCode::internal, "HTTP library lacks an option",
		            "option: " + std::to_string(option) + ", reason: " + curl_easy_strerror(rc));
}

/// For libcurl zero means no limit, and its longs may be short.
long milliseconds(std::chrono::milliseconds time) {
	return static_cast<long>(std::clamp<std::int64_t>(time.count(), 1, 24 * 3600 * 1000));
}

/// Does libcurl's default directory of authorities hold any, under the names (hash and number) they are sought by?
bool system_has_trust_directory(void *easy) {
	static const bool has = [easy] {
		const char *path = nullptr;
		if (curl_easy_getinfo(easy, CURLINFO_CAPATH, &path) != CURLE_OK || !path)
			return false;
		const auto is_hashed = [](const std::filesystem::directory_entry &entry) {
			const std::string name = entry.path().filename();
			return name.size() == 10 && name.find_first_not_of("0123456789abcdef") == 8 && name.ends_with(".0");
		};
		std::error_code error;
		const std::filesystem::directory_iterator entries(path, error);
		return !error && std::any_of(begin(entries), end(entries), is_hashed);
	}();
	return has;
}

bool system_has_trust_bundle(void *easy) {
	const char *path = nullptr;
	return curl_easy_getinfo(easy, CURLINFO_CAINFO, &path) == CURLE_OK && path && access(path, R_OK) == 0;
}

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
	return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
	});
}

bool same_name(std::string_view a, std::string_view b) {
	return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

} // namespace

struct CurlTransfer::Callbacks {
	static CurlTransfer &of(void *self) noexcept { return *static_cast<CurlTransfer *>(self); }

	static std::size_t on_body(char *data, std::size_t size, std::size_t count, void *self) noexcept {
		try {
			return of(self).receive_body(data, size * count);
		} catch (...) {
			of(self).stop_ = Stop::out_of_memory;
			return CURL_WRITEFUNC_ERROR;
		}
	}

	static std::size_t on_header(char *data, std::size_t size, std::size_t count, void *self) noexcept {
		try {
			return of(self).receive_header(std::string_view(data, size * count));
		} catch (...) {
			of(self).stop_ = Stop::out_of_memory;
			return CURL_WRITEFUNC_ERROR;
		}
	}

	/// The address is known here and nothing has been sent: a name that leads elsewhere than when it was judged is
	/// caught as well.
	static curl_socket_t on_open_socket(void *self, curlsocktype purpose, curl_sockaddr *address) noexcept {
		CurlTransfer &transfer = of(self);
		if (transfer.resolved_ == Instant{})
			transfer.resolved_ = std::chrono::steady_clock::now();
		const bool internet = address->family == AF_INET || address->family == AF_INET6;
		if (purpose != CURLSOCKTYPE_IPCXN || !internet ||
		    !(transfer.any_address_ || is_public_address(address->addr))) {
			++transfer.refused_addresses_;
			return CURL_SOCKET_BAD;
		}
		++transfer.opened_sockets_;
		return transfer.pool_->open_socket(address->family, address->socktype, address->protocol);
	}

	static int on_close_socket(void *pool, curl_socket_t fd) noexcept {
		static_cast<CurlPool *>(pool)->close_socket(fd);
		return 0;
	}

	/// TCP stands, TLS begins: libcurl tells the time of the former only when both are done.
	static CURLcode on_tls(CURL *, void *, void *self) noexcept {
		of(self).connected_ = std::chrono::steady_clock::now();
		return CURLE_OK;
	}

	/// Called each time before the request goes out.
	static int on_request(void *self, char *, char *, int, int local_port) noexcept {
		CurlTransfer &transfer = of(self);
		// libcurl 7.88 takes any byte on a kept TLS connection for life, also those by which the host ended it.
		if (transfer.opened_sockets_ == 0 && transfer.pool_->closed_by_host(local_port)) {
			transfer.stop_ = Stop::connection_was_closed;
			return CURL_PREREQFUNC_ABORT;
		}
		if (transfer.ready_ != Instant{}) {
			transfer.stop_ = Stop::would_resend;
			return CURL_PREREQFUNC_ABORT;
		}
		transfer.ready_ = std::chrono::steady_clock::now();
		return CURL_PREREQFUNC_OK;
	}
};

void CurlTransfer::add_header_line(const Header &header) {
	const auto bad = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
	if (!is_token(header.name) || std::any_of(header.value.begin(), header.value.end(), bad))
		throw Error(ErrorCode::invalid_argument, "invalid request header",
		            where(request_.endpoint, host_, "header: " + (is_token(header.name) ? header.name : "?")));
	WipedString &line = header_lines_.emplace_back();
	// In one go, so that no half-built copy is left behind; and beyond the short strings that are not wiped.
	line.reserve(std::max<std::size_t>(header.name.size() + header.value.size() + 2, 32));
	line.append(header.name);
	if (header.value.empty())
		line.append(";"); // libcurl's way to write an empty value
	else
		line.append(": ").append(header.value);
}

void CurlTransfer::build_headers() {
	const auto given = [this](std::string_view name) {
		return std::any_of(request_.headers.begin(), request_.headers.end(),
		                   [&](const Header &h) { return same_name(h.name, name); });
	};
	header_lines_.reserve(request_.headers.size() + 3);
	for (const Header &header : request_.headers)
		add_header_line(header);
	if (!request_.accept.empty() && !given("Accept"))
		add_header_line({"Accept", WipedString(request_.accept.begin(), request_.accept.end())});
	// "Name:" suppresses what libcurl would add by itself: a pause before the body, a form's media type.
	header_lines_.emplace_back("Expect:");
	if (!given("Content-Type"))
		header_lines_.emplace_back("Content-Type:");

	// Nodes over our own bytes: curl_slist_append would make copies that nobody wipes.
	header_nodes_.resize(header_lines_.size());
	for (std::size_t i = 0; i < header_lines_.size(); ++i) {
		header_nodes_[i].data = header_lines_[i].data();
		header_nodes_[i].next = i + 1 < header_lines_.size() ? &header_nodes_[i + 1] : nullptr;
	}
}

void CurlTransfer::set_method() {
	if (!is_token(request_.method))
		throw Error(ErrorCode::invalid_argument, "invalid request method", where(request_.endpoint, host_));
	if (!request_.body.empty() || request_.method == "POST") {
		// Not copied: the bytes live in the request until the transfer is gone.
		set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
		set(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
	}
	if (request_.method == "HEAD")
		set(easy_, CURLOPT_NOBODY, 1L);
	else if (request_.method != "GET" && request_.method != "POST")
		set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
	else if (request_.method == "GET" && !request_.body.empty())
		set(easy_, CURLOPT_CUSTOMREQUEST, "GET");
}

void CurlTransfer::set_options() {
	const SignalBlock block;
	set(easy_, CURLOPT_PRIVATE, this);
	set(easy_, CURLOPT_ERRORBUFFER, curl_text_);
	// Without it the end of a handle waits for a name server that does not answer.
	set(easy_, CURLOPT_QUICK_EXIT, 1L);
	set(easy_, CURLOPT_NOSIGNAL, 1L);

	set(easy_, CURLOPT_URL, request_.url.c_str());
	set(easy_, CURLOPT_PROTOCOLS_STR, scheme_.c_str());
	set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
	set(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
	// The environment's proxies are not the operator's decision.
	set(easy_, CURLOPT_PROXY, "");
	set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
	set(easy_, CURLOPT_HTTP09_ALLOWED, 0L);
	set(easy_, CURLOPT_USERAGENT, engine_.user_agent().c_str());
	set(easy_, CURLOPT_HTTPHEADER, header_nodes_.data());
	set_method();

	set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
	set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
	set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
	// Exactly one source of trusted authorities: one that was named must not have the system's beside it, and of the
	// system's two the directory is read by need, while loading the bundle takes some 80 ms of processor time for each
	// connection (with the bundle alone libcurl does it once a pool).
	const char *const none = nullptr;
	if (!request_.tls.ca_file.empty()) {
		set(easy_, CURLOPT_CAINFO, request_.tls.ca_file.c_str());
		set(easy_, CURLOPT_CAPATH, none);
	} else if (system_has_trust_directory(easy_)) {
		set(easy_, CURLOPT_CAINFO, none);
	} else if (system_has_trust_bundle(easy_)) {
		set(easy_, CURLOPT_CAPATH, none);
	}

	set(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits_.connect_timeout));
	set(easy_, CURLOPT_TIMEOUT_MS, milliseconds(limits_.total_timeout));
	// Its time is set when the answer begins.
	set(easy_, CURLOPT_LOW_SPEED_LIMIT, limits_.low_speed_limit);
	// An announced size ends the transfer before its first byte; what was not announced is counted as it comes.
	set(easy_, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits_.max_response_size));
	set(easy_, CURLOPT_BUFFERSIZE, 64L * 1024);
	// Below the usual 60 s of load balancers, so that a kept connection is rarely closed under a request.
	set(easy_, CURLOPT_MAXAGE_CONN, 50L);

	set(easy_, CURLOPT_WRITEFUNCTION, Callbacks::on_body);
	set(easy_, CURLOPT_WRITEDATA, this);
	set(easy_, CURLOPT_HEADERFUNCTION, Callbacks::on_header);
	set(easy_, CURLOPT_HEADERDATA, this);
	set(easy_, CURLOPT_OPENSOCKETFUNCTION, Callbacks::on_open_socket);
	set(easy_, CURLOPT_OPENSOCKETDATA, this);
	set(easy_, CURLOPT_SSL_CTX_FUNCTION, Callbacks::on_tls);
	set(easy_, CURLOPT_SSL_CTX_DATA, this);
	// The pool outlives its connections, a transfer does not.
	set(easy_, CURLOPT_CLOSESOCKETFUNCTION, Callbacks::on_close_socket);
	set(easy_, CURLOPT_CLOSESOCKETDATA, pool_);
	set(easy_, CURLOPT_PREREQFUNCTION, Callbacks::on_request);
	set(easy_, CURLOPT_PREREQDATA, this);
}

} // namespace ob::http

#include "core/pure.hpp"
