// C++ regime. What libcurl is told about a request stands in curl_options.cpp.
#include "http/curl_transfer.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <curl/curl.h>

#include "core/pure.hpp"

namespace ob::http {

namespace {

std::string_view trim(std::string_view text) {
	constexpr std::string_view kBlank = " \t\r\n";
	const auto first = text.find_first_not_of(kBlank);
	if (first == std::string_view::npos)
		return {};
	return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
	std::string out(text);
	for (char &c : out)
		if (c >= 'A' && c <= 'Z')
			c = static_cast<char>(c - 'A' + 'a');
	return out;
}

} // namespace

CurlTransfer::CurlTransfer(CurlEngine &engine, Request request) : engine_(engine), request_(std::move(request)) {}

CurlTransfer::~CurlTransfer() {
	if (easy_) {
		if (added_)
			pool_->remove(easy_);
		pool_->give_back(easy_, true);
	}
	engine_.release(body_size_);
	if (place_)
		engine_.leave(*place_);
}

void CurlTransfer::start() {
	started_ = std::chrono::steady_clock::now();
	limits_ = engine_.settings().limits();
	hosts_ = engine_.settings().hosts();
	const Origin origin = parse_origin(request_.url);
	host_ = origin.host;
	scheme_ = origin.scheme;
	const Verdict verdict = hosts_->judge(origin);
	if (verdict == Verdict::refused)
		throw Error(ErrorCode::address_refused, "host refused by policy",
		            where(request_.endpoint, host_, "scheme: " + scheme_ + ", port: " + std::to_string(origin.port)),
		            "Neither a provider's own host over https nor listed in openbanking.allowed_hosts.");
	any_address_ = verdict == Verdict::any_address;

	build_headers();
	place_ = engine_.enter(*this, limits_.max_buffered);
	launch();
}

void CurlTransfer::launch() {
	pool_ = &engine_.pool(request_.pool, hosts_);
	easy_ = pool_->take_easy();
	set_options();
	pool_->add(easy_);
	added_ = true;
}

bool CurlTransfer::begin_anew() {
	if (stop_ != Stop::connection_was_closed)
		return false;
	// The pool's other kept connections are as old. On a new one this cannot happen a second time.
	engine_.retire([this](const CurlPool &pool) { return &pool == pool_; });
	pool_ = nullptr;
	ended_ = false;
	added_ = false;
	stop_ = Stop::none;
	code_ = CURLE_OK;
	sender_ = nullptr;
	launch();
	return true;
}

std::size_t CurlTransfer::receive_header(std::string_view line) {
	if (answering_ == Instant{}) {
		answering_ = std::chrono::steady_clock::now();
		curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits_.low_speed_time.count()));
	}
	// Counted over all blocks, so that endless interim answers (1xx) end as well.
	header_bytes_ += line.size();
	if (++header_lines_seen_ > limits_.max_header_lines || header_bytes_ > limits_.max_header_bytes) {
		stop_ = Stop::header_too_large;
		return 0;
	}
	if (line.starts_with("HTTP/")) {
		headers_.clear();
		headers_complete_ = false;
	} else if (trim(line).empty()) {
		headers_complete_ = true;
	} else if (const auto colon = line.find(':'); colon != std::string_view::npos && !headers_complete_) {
		// What follows the empty line are trailers, which nobody asked for.
		headers_.emplace_back(lower(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
	}
	return line.size();
}

std::size_t CurlTransfer::receive_body(const char *data, std::size_t size) {
	if (body_.size() + size > limits_.max_response_size) {
		stop_ = Stop::body_too_large;
		return CURL_WRITEFUNC_ERROR;
	}
	if (!room_made_) {
		// Growing by doubling would hold up to three times the size for a moment. An announced size above the limit
		// never comes here.
		curl_off_t announced = -1;
		curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
		if (announced > 0)
			body_.reserve(std::min(static_cast<std::size_t>(announced), limits_.max_response_size) + kBodySlack);
		room_made_ = true;
	}
	if (!engine_.admit(*this, size)) {
		paused_ = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	body_size_ += size;
	body_.append(data, size);
	return size;
}

void CurlTransfer::resume() noexcept {
	paused_ = false;
	const int code = pool_->resume(easy_);
	if (code != CURLE_OK && !ended_)
		finish(code);
}

void CurlTransfer::abort(Stop reason) noexcept {
	if (ended_ || !added_)
		return;
	stop_ = reason;
	finish(CURLE_ABORTED_BY_CALLBACK);
}

void CurlTransfer::finish(int code) noexcept {
	code_ = code;
	finished_ = std::chrono::steady_clock::now();
	long status = 0;
	curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
	status_ = static_cast<int>(status);

	pool_->remove(easy_);
	pool_->give_back(std::exchange(easy_, nullptr), code_ != CURLE_OK);
	ended_ = true;
	engine_.ended(*this);
	if (code_ != CURLE_OK) {
		engine_.release(std::exchange(body_size_, 0));
		std::string().swap(body_);
	}
	if (sender_)
		sender_->wake();
}

Outcome CurlTransfer::outcome() const {
	Outcome o;
	o.endpoint = request_.endpoint;
	o.host = host_;
	o.code = code_;
	o.stop = stop_;
	o.all_addresses_refused = refused_addresses_ > 0 && opened_sockets_ == 0;
	o.paused = paused_;
	o.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(finished_ - started_);
	o.answer_begun = header_bytes_ > 0;
	o.curl_text = curl_text_;
	o.limits = limits_;

	// When each phase began; zero if it was not reached, or not needed on a kept connection.
	const Instant begin[] = {started_, resolved_, connected_, ready_, answering_};
	constexpr std::size_t kPhases = std::size(begin);
	std::size_t last = 0;
	for (std::size_t i = 1; i < kPhases; ++i)
		if (begin[i] != Instant{})
			last = i;
	Instant from = started_;
	for (std::size_t i = 0; i <= last; ++i) {
		Instant to = finished_;
		if (i < last)
			to = begin[i + 1] != Instant{} ? begin[i + 1] : from;
		o.took[i] = std::chrono::duration_cast<std::chrono::microseconds>(to - from);
		from = to;
	}
	o.phase = static_cast<Phase>(last);
	return o;
}

void CurlTransfer::check_answer() const {
	if (status_ < 200 || status_ > 299 || request_.accept.empty())
		return;
	const auto header = [this](std::string_view name) {
		const auto it = std::find_if(headers_.begin(), headers_.end(), [&](const auto &h) { return h.first == name; });
		return it == headers_.end() ? std::string() : it->second;
	};
	const auto fail = [this](const char *message) {
		throw Error(ErrorCode::bad_reply, message,
		            where(request_.endpoint, host_, "HTTP status: " + std::to_string(status_)));
	};
	if (body_.empty())
		fail("answer is empty");
	const std::string type = header("content-type");
	if (lower(trim(std::string_view(type).substr(0, type.find(';')))) != request_.accept)
		fail("answer has another media type than asked for");
	const std::string coding = lower(header("content-encoding"));
	if (!coding.empty() && coding != "identity")
		fail("answer is compressed although that was not asked for");
}

Response CurlTransfer::take() {
	if (code_ != CURLE_OK)
		throw describe(outcome());
	check_answer();
	Response response;
	response.status = status_;
	response.headers = std::move(headers_);
	response.body = std::move(body_);
	response.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(finished_ - started_);
	return response;
}

} // namespace ob::http

#include "core/pure.hpp"
