#include "fields.hpp"

#include "errors.hpp"

namespace ob::sandbox::plaid {

Field products_field(std::string name) {
	return list_field(std::move(name), string_field("").one_of({"assets",
	                                                            "auth",
	                                                            "balance",
	                                                            "balance_plus",
	                                                            "beacon",
	                                                            "cra_base_report",
	                                                            "cra_cashflow_insights",
	                                                            "cra_income_insights",
	                                                            "cra_lend_score",
	                                                            "cra_monitoring",
	                                                            "cra_network_insights",
	                                                            "cra_partner_insights",
	                                                            "cra_plaid_credit_score",
	                                                            "credit_details",
	                                                            "employment",
	                                                            "identity",
	                                                            "identity_match",
	                                                            "identity_verification",
	                                                            "income",
	                                                            "income_verification",
	                                                            "investments",
	                                                            "investments_auth",
	                                                            "layer",
	                                                            "liabilities",
	                                                            "pay_by_bank",
	                                                            "payment_initiation",
	                                                            "processor_identity",
	                                                            "processor_payments",
	                                                            "profile",
	                                                            "protect_linked_bank",
	                                                            "protect_transactions",
	                                                            "recurring_transactions",
	                                                            "signal",
	                                                            "standing_orders",
	                                                            "statements",
	                                                            "transactions",
	                                                            "transactions_refresh",
	                                                            "transfer"}));
}

Field countries_field(std::string name) {
	return list_field(std::move(name),
	                  string_field("").one_of({"US", "GB", "ES", "NL", "FR", "IE", "CA", "DE", "IT", "PL",
	                                           "DK", "NO", "SE", "EE", "LT", "LV", "PT", "BE", "AT", "FI"}));
}

void check_fields(const Json &body, const Schema &schema) {
	const auto problem = problem_of(body, schema);
	if (!problem) {
		return;
	}
	switch (problem->kind) {
	case FieldProblem::Kind::unknown:
		fail("UNKNOWN_FIELDS", "the following fields are not recognized by this endpoint: " + problem->fields);
	case FieldProblem::Kind::missing:
		fail("MISSING_FIELDS", "the following required fields are missing: " + problem->fields);
	case FieldProblem::Kind::invalid:
		fail("INVALID_FIELD", problem->fields + " " + problem->what);
	}
}

} // namespace ob::sandbox::plaid
