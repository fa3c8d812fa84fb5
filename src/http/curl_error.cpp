// C++ regime.
#include "http/curl_error.hpp"

#include <array>
#include <cstdio>

#include <curl/curl.h>

#include "core/pure.hpp"

namespace ob::http {

namespace {

constexpr std::array<const char *, 5> kPhaseNames = {"name resolution", "connect", "TLS handshake",
                                                     "waiting for the answer", "reading the answer"};

std::string seconds(std::chrono::microseconds time) {
	std::array<char, 32> text;
	std::snprintf(text.data(), text.size(), "%.3f s", static_cast<double>(time.count()) / 1e6);
	return text.data();
}

const char *phase_name(Phase phase) {
	return kPhaseNames[static_cast<std::size_t>(phase)];
}

/// Printable ASCII of bounded length: names in certificates are chosen by strangers.
std::string plain(std::string_view text) {
	constexpr std::size_t kLongest = 200;
	std::string out(text.substr(0, kLongest));
	for (char &c : out)
		if (c < ' ' || c > '~')
			c = '?';
	return out;
}

class Describer {
public:
	explicit Describer(const Outcome &outcome) : o_(outcome) {}

	Error describe() const {
		if (o_.stop != Stop::none)
			return stopped();
		if (o_.all_addresses_refused)
			return Error(ErrorCode::address_refused, "address refused by policy", detail(),
			             "The host's name leads to a private or special address. If that is meant, list the host in "
			             "openbanking.allowed_hosts.");
		switch (o_.code) {
		case CURLE_OPERATION_TIMEDOUT:
			return timed_out();
		case CURLE_FILESIZE_EXCEEDED:
			return too_large();
		case CURLE_OUT_OF_MEMORY:
			return Error(ErrorCode::out_of_memory, "out of memory during a request", detail());
		case CURLE_COULDNT_RESOLVE_HOST:
			return unreachable("could not resolve the host's name");
		case CURLE_COULDNT_CONNECT:
			return unreachable("could not connect to the host");
		case CURLE_SSL_CONNECT_ERROR:
			return unreachable("TLS handshake failed");
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_ISSUER_ERROR:
			return unreachable(
			    "could not verify the host's certificate",
			    "If the host's certificate comes from a private authority, name that authority's file in "
			    "the server option ca_file.");
		case CURLE_SSL_CACERT_BADFILE:
			return unreachable("could not read the file of trusted certificates", "Check the server option ca_file.");
		case CURLE_PARTIAL_FILE:
			return bad_reply("answer ended early");
		// Something answered that does not speak HTTP.
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_WEIRD_SERVER_REPLY:
			return bad_reply("answer is not HTTP");
		case CURLE_FAILED_INIT:
		case CURLE_NOT_BUILT_IN:
		case CURLE_BAD_FUNCTION_ARGUMENT:
		case CURLE_UNKNOWN_OPTION:
		case CURLE_WRITE_ERROR:
			return Error(ErrorCode::internal, "HTTP library failed", with_reason());
		default:
			return o_.answer_begun ? bad_reply("answer is incomplete or malformed")
			                       : unreachable("connection was lost before the answer");
		}
	}

private:
	std::string detail(std::string_view more = {}) const { return where(o_.endpoint, o_.host, more); }

	std::string with_reason() const {
		const std::string_view reason =
		    o_.curl_text.empty() ? curl_easy_strerror(static_cast<CURLcode>(o_.code)) : o_.curl_text;
		return detail(std::string("phase: ") + phase_name(o_.phase) + ", reason: " + plain(reason));
	}

	Error unreachable(const char *message, const char *hint = "") const {
		return Error(ErrorCode::unreachable, message, with_reason(), hint);
	}
	Error bad_reply(const char *message) const { return Error(ErrorCode::bad_reply, message, with_reason()); }

	Error too_large() const {
		return Error(ErrorCode::limit_exceeded, "answer is larger than allowed",
		             detail("limit: " + std::to_string(o_.limits.max_response_size) + " bytes"),
		             "See openbanking.max_response_size.");
	}

	Error stopped() const {
		switch (o_.stop) {
		case Stop::body_too_large:
			return too_large();
		case Stop::header_too_large:
			return Error(ErrorCode::limit_exceeded, "answer's header is larger than allowed",
			             detail("limit: " + std::to_string(o_.limits.max_header_lines) + " lines, " +
			                    std::to_string(o_.limits.max_header_bytes) + " bytes"));
		case Stop::would_resend:
		case Stop::connection_was_closed:
			return Error(ErrorCode::unreachable, "connection was lost before the answer",
			             detail("phase: waiting for the answer, reason: the host closed a kept connection"));
		case Stop::out_of_memory:
			return Error(ErrorCode::out_of_memory, "out of memory while reading an answer", detail());
		case Stop::cannot_wait:
		case Stop::none:
			break;
		}
		return Error(ErrorCode::out_of_memory, "could not wait for the network", detail());
	}

	Error timed_out() const {
		std::string facts = std::string("phase: ") + phase_name(o_.phase);
		for (std::size_t i = 0; i <= static_cast<std::size_t>(o_.phase); ++i)
			if (o_.took[i].count() > 0)
				facts += std::string(", ") + kPhaseNames[i] + ": " + seconds(o_.took[i]);

		const std::string during = std::string(" during ") + phase_name(o_.phase);
		if (o_.paused)
			return Error(ErrorCode::deadline, "deadline passed while other answers filled the memory", detail(facts),
			             "Run fewer requests at a time: see openbanking.max_parallel.");
		if (o_.elapsed >= o_.limits.total_timeout)
			return Error(ErrorCode::deadline, "deadline passed" + during, detail(facts),
			             "See openbanking.http_timeout.");
		if (o_.phase <= Phase::tls)
			return Error(ErrorCode::deadline, "deadline for connecting passed" + during, detail(facts),
			             "See openbanking.connect_timeout.");
		return Error(ErrorCode::deadline, "host was too slow" + during,
		             detail(facts + ", limit: " + std::to_string(o_.limits.low_speed_limit) + " bytes a second for " +
		                    std::to_string(o_.limits.low_speed_time.count()) + " s"));
	}

	const Outcome &o_;
};

} // namespace

std::string where(std::string_view endpoint, std::string_view host, std::string_view more) {
	std::string text = "endpoint: ";
	text += endpoint;
	text += ", host: ";
	text += host;
	if (!more.empty()) {
		text += ", ";
		text += more;
	}
	return text;
}

Error describe(const Outcome &outcome) {
	return Describer(outcome).describe();
}

} // namespace ob::http

#include "core/pure.hpp"
