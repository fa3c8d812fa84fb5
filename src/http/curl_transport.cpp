// C++ regime.
#include "http/curl_transport.hpp"

#include <utility>

#include "http/curl_engine.hpp"
#include "http/curl_transfer.hpp"

#include "core/pure.hpp"

namespace ob::http {

CurlTransport::CurlTransport(Reactor &reactor, const TransportSettings &settings, std::string_view version)
    : engine_(std::make_unique<CurlEngine>(reactor, settings, version)) {}

CurlTransport::~CurlTransport() = default;

Task<Response> CurlTransport::send(Request request) {
	CurlTransfer transfer(*engine_, std::move(request));
	try {
		transfer.start();
		co_await transfer;
		if (transfer.begin_anew())
			co_await transfer;
		co_return transfer.take();
	} catch (const Error &error) {
		if (transfer.sent())
			throw;
		throw NotSent(error);
	}
}

void CurlTransport::drop_pool(std::uint64_t pool) noexcept {
	engine_->retire([pool](const CurlPool &p) { return p.key() == pool; });
}

void CurlTransport::drop_all_pools() noexcept {
	engine_->retire([](const CurlPool &) { return true; });
}

CurlTransport::Stats CurlTransport::stats() const noexcept {
	return engine_->stats();
}

} // namespace ob::http

#include "core/pure.hpp"
