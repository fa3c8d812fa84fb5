// A gate that keeps refusals in memory.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "core/loop.hpp"
#include "providers/secret_gate.hpp"

namespace ob::test {

class FakeGate final : public providers::SecretGate {
public:
	std::vector<ProviderError> kept;
	std::chrono::milliseconds keeping_takes{0};
	bool can_keep = true;
	/// What another process does with the secret, at each look.
	std::function<bool()> may_lead = [] { return true; };
	bool leads = false;

private:
	bool lead() override { return leads = may_lead(); }
	void yield() noexcept override { leads = false; }
	Task<bool> keep(ProviderError error) override {
		if (keeping_takes.count() > 0) {
			Sleep pause(keeping_takes);
			co_await pause;
		}
		if (can_keep)
			kept.push_back(std::move(error));
		co_return can_keep;
	}
};

} // namespace ob::test
