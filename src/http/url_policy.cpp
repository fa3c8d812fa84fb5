// URLs are read by libcurl's own parser, so that what is judged here is what will be called. C++ regime.
#include "http/url_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <new>
#include <utility>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::http {

namespace {

/// A parsed URL.
class ParsedUrl {
public:
	explicit ParsedUrl(const std::string &url) : handle_(curl_url()) {
		if (!handle_)
			throw std::bad_alloc();
		const CURLUcode rc = curl_url_set(handle_.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER);
		if (rc == CURLUE_OUT_OF_MEMORY)
			throw std::bad_alloc();
		// The parser reads a C string: what stands behind a NUL would be judged by nobody.
		ok_ = rc == CURLUE_OK && url.find('\0') == std::string::npos;
	}

	bool ok() const { return ok_; }

	std::optional<std::string> part(CURLUPart what) const {
		char *text = nullptr;
		const CURLUcode rc = curl_url_get(handle_.get(), what, &text, 0);
		if (rc == CURLUE_OUT_OF_MEMORY)
			throw std::bad_alloc();
		if (rc != CURLUE_OK)
			return std::nullopt;
		const std::unique_ptr<char, void (*)(void *)> owner(text, curl_free);
		return std::string(text);
	}

private:
	struct Cleanup {
		void operator()(CURLU *handle) const noexcept { curl_url_cleanup(handle); }
	};
	std::unique_ptr<CURLU, Cleanup> handle_;
	bool ok_ = false;
};

/// One spelling for each host; nothing for what we refuse to name a host.
std::optional<std::string> normal_host(std::string host) {
	if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
		host = host.substr(1, host.size() - 2);
		in6_addr address;
		std::array<char, INET6_ADDRSTRLEN> text;
		if (inet_pton(AF_INET6, host.c_str(), &address) != 1 ||
		    !inet_ntop(AF_INET6, &address, text.data(), static_cast<socklen_t>(text.size())))
			return std::nullopt;
		return std::string(text.data());
	}
	for (char &c : host) {
		if (c >= 'A' && c <= 'Z')
			c = static_cast<char>(c - 'A' + 'a');
		const bool usual = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
		if (!usual)
			return std::nullopt;
	}
	if (!host.empty() && host.back() == '.')
		host.pop_back();
	if (host.empty() || host.front() == '.' || host.back() == '.')
		return std::nullopt;
	return host;
}

std::optional<std::uint16_t> port_number(const std::string &text) {
	std::uint16_t port = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
	if (error != std::errc() || end != text.data() + text.size() || port == 0)
		return std::nullopt;
	return port;
}

bool is_http(const std::optional<std::string> &scheme) {
	return scheme && (*scheme == "http" || *scheme == "https");
}

std::string_view trim(std::string_view text) {
	constexpr std::string_view kBlank = " \t\r\n";
	const auto first = text.find_first_not_of(kBlank);
	if (first == std::string_view::npos)
		return {};
	return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

[[noreturn]] void bad_entry(std::string_view entry, std::string why) {
	throw Error(ErrorCode::invalid_argument, "invalid entry in the list of allowed hosts",
	            "entry: " + std::string(entry) + ", reason: " + std::move(why),
	            "Write a comma-separated list of scheme://host or scheme://host:port, such as "
	            "https://bank.example.com, http://127.0.0.1:8080.");
}

AllowedHost parse_entry(std::string_view entry) {
	const ParsedUrl url{std::string(entry)};
	if (!url.ok())
		bad_entry(entry, "not a URL of that form");
	const auto scheme = url.part(CURLUPART_SCHEME);
	if (!is_http(scheme))
		bad_entry(entry, "the scheme must be http or https");
	if (url.part(CURLUPART_PATH).value_or("/") != "/" || url.part(CURLUPART_QUERY) || url.part(CURLUPART_FRAGMENT))
		bad_entry(entry, "it must end after the host or port");
	if (url.part(CURLUPART_ZONEID))
		bad_entry(entry, "an address must not name a zone");
	auto host = normal_host(url.part(CURLUPART_HOST).value_or(""));
	if (!host)
		bad_entry(entry, "the host must be a plain ASCII name or an address");

	AllowedHost allowed{*scheme, std::move(*host), std::nullopt};
	if (const auto port = url.part(CURLUPART_PORT)) {
		allowed.port = port_number(*port);
		if (!allowed.port)
			bad_entry(entry, "the port must be between 1 and 65535");
	}
	return allowed;
}

} // namespace

Origin parse_origin(const std::string &text) {
	constexpr const char *kMessage = "not a URL that can be called";
	const ParsedUrl url(text);
	if (!url.ok())
		throw Error(ErrorCode::invalid_argument, kMessage, {},
		            "Write an absolute URL without user name, such as https://host/path.");
	const auto scheme = url.part(CURLUPART_SCHEME);
	if (!is_http(scheme))
		throw Error(ErrorCode::invalid_argument, kMessage, {}, "Its scheme must be https.");
	auto host = normal_host(url.part(CURLUPART_HOST).value_or(""));
	if (!host || url.part(CURLUPART_ZONEID))
		throw Error(ErrorCode::invalid_argument, kMessage, {},
		            "Its host must be a plain ASCII name (xn--… for others) or an address.");
	auto port = std::optional<std::uint16_t>(static_cast<std::uint16_t>(*scheme == "https" ? 443 : 80));
	if (const auto given = url.part(CURLUPART_PORT)) {
		port = port_number(*given);
		if (!port)
			throw Error(ErrorCode::invalid_argument, kMessage, {}, "Its port must be between 1 and 65535.");
	}
	return Origin{*scheme, std::move(*host), *port};
}

std::vector<AllowedHost> parse_allowed_hosts(std::string_view list) {
	std::vector<AllowedHost> hosts;
	if (trim(list).empty())
		return hosts;
	for (;;) {
		const auto comma = list.find(',');
		const auto entry = trim(list.substr(0, comma));
		if (entry.empty())
			bad_entry(entry, "it is empty");
		hosts.push_back(parse_entry(entry));
		if (comma == std::string_view::npos)
			return hosts;
		list.remove_prefix(comma + 1);
	}
}

HostPolicy::HostPolicy(std::vector<std::string> known_hosts, std::string_view allowed_hosts)
    : known_hosts_(std::move(known_hosts)), allowed_(parse_allowed_hosts(allowed_hosts)) {
	for (std::string &name : known_hosts_) {
		auto host = normal_host(name);
		if (!host)
			throw Error(ErrorCode::invalid_argument, "a provider's own host is not a host name", "host: " + name);
		name = std::move(*host);
	}
	std::sort(known_hosts_.begin(), known_hosts_.end());
}

Verdict HostPolicy::judge(const Origin &origin) const noexcept {
	const bool listed = std::any_of(allowed_.begin(), allowed_.end(), [&](const AllowedHost &entry) {
		return entry.scheme == origin.scheme && entry.host == origin.host &&
		       (!entry.port || *entry.port == origin.port);
	});
	if (listed)
		return Verdict::any_address;
	if (origin.scheme == "https" && std::binary_search(known_hosts_.begin(), known_hosts_.end(), origin.host))
		return Verdict::public_only;
	return Verdict::refused;
}

} // namespace ob::http

#include "core/pure.hpp"
