#include "plaid/plaid.hpp"
#include "provider.hpp"
#include "truelayer/truelayer.hpp"

namespace ob::sandbox {

std::vector<std::unique_ptr<Provider>> make_providers(World &world) {
	std::vector<std::unique_ptr<Provider>> providers;
	providers.push_back(plaid::make_provider(world));
	providers.push_back(truelayer::make_provider(world));
	return providers;
}

} // namespace ob::sandbox
