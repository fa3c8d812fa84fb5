// C++ regime.
#include "sync/row_count.hpp"

#include <utility>

#include "providers/transaction_count.hpp"

#include "core/pure.hpp"

namespace ob::sync {

void RowCount::ask(const providers::Provider &provider, providers::Session session,
                   providers::Credentials credentials) {
	task_.spawn(count(&provider, std::move(session), std::move(credentials)));
}

Task<void> RowCount::count(const providers::Provider *provider, providers::Session session,
                           providers::Credentials credentials) {
	const auto *counting = dynamic_cast<const providers::CountsTransactions *>(provider);
	if (!counting)
		co_return;
	try {
		Task<std::int64_t> call = counting->count_transactions(std::move(session), std::move(credentials));
		answer_ = co_await call;
	} catch (const Error &) {
		// There is no estimate then.
	}
}

std::optional<std::int64_t> RowCount::result() {
	task_.reap();
	return answer_;
}

} // namespace ob::sync

#include "core/pure.hpp"
