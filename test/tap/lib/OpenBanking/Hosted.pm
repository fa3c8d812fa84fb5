# A person with a browser on the provider's hosted page (test/sandbox/README.md).
package OpenBanking::Hosted;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;

our @EXPORT = qw(open_page submit_page log_in approve);

my $browser = HTTP::Tiny->new(timeout => 30, max_redirect => 0);

sub page_of
{
	my ($what, $answer) = @_;
	die "$what: $answer->{status} $answer->{content}" unless $answer->{status} == 200;
	return $answer->{content};
}

# Opens the page; its text.
sub open_page { return page_of('opening the page', $browser->get($_[0])); }

# Sends the form of a step: submit_page($page, login => {…}), or with the button Cancel: submit_page($page, login => {}, 'cancel').
sub submit_page
{
	my ($page, $step, $fields, $action) = @_;
	my $form = { step => $step, action => $action // 'continue', %$fields };
	return page_of("the step $step", $browser->post_form($page, $form));
}

# Up to the choice of accounts, if there is one. $how: institution_id, username, password, code (of the second factor).
sub log_in
{
	my ($page, $how) = @_;
	my $text = open_page($page);
	$text = submit_page($page, bank => { institution_id => $how->{institution_id} // 'ins_109508' })
	  if $text =~ /name="institution_id"/;
	$text = submit_page($page, login => {
		username => $how->{username} // 'user_good', password => $how->{password} // 'pass_good' });
	$text = submit_page($page, mfa => { code => $how->{code} }) if $how->{code};
	return $text;
}

# All of it. $how: as for log_in, and accounts (the numbers of the ticked ones; default: what is ticked). A bank that is
# repaired need not ask for accounts.
sub approve
{
	my ($page, $how) = @_;
	my $text = log_in($page, $how // {});
	return $text unless $text =~ /name="account"/;
	my @ticked = $how->{accounts} ? @{ $how->{accounts} } : $text =~ /name="account" value="(\d+)" checked/g;
	return submit_page($page, accounts => { account => \@ticked });
}

1;
